"""The baseline's codec: a loaded hyperprior model that turns images into `.pqh` bytes and back."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pqmim_jax.codec.hyperprior.file_format import HyperpriorHeader, checksum, pack, unpack
from pqmim_jax.codec.hyperprior.padding import PaddedArea
from pqmim_jax.codec.hyperprior.programs import HyperpriorPrograms
from pqmim_jax.codec.hyperprior.symbols import LARGEST_SYMBOL, Alphabets
from pqmim_jax.coding import (
    CorruptFileError,
    RansDecoder,
    RansEncoder,
    TooLargeError,
    TruncatedFileError,
    WrongModelError,
)
from pqmim_jax.hyperprior_store import StoredHyperprior, load_hyperprior
from pqmim_jax.models.hyperprior.transforms import HYPER_FACTOR

MAX_PIXELS = 40_000_000
"""Larger pictures are refused: the networks see a picture as a whole, about 200 bytes a pixel."""


@dataclass(frozen=True)
class EncodedHyperprior:
    """A compressed picture, and what its parts cost."""

    data: bytes  # the whole file
    hyper_bits: float  # ideal code length of the hyper-latents under the integer tables
    latent_bits: float  # and of the latents

    @property
    def ideal_bits(self) -> float:
        """Of both: what the file would take without header, checksum and coder."""
        return self.hyper_bits + self.latent_bits


class HyperpriorCodec:
    """Compresses colour pictures of any size up to `MAX_PIXELS`."""

    def __init__(self, model: StoredHyperprior):
        """Use `HyperpriorCodec.load`."""
        self.model = model
        self._programs = HyperpriorPrograms(model)
        self._latents, self._hyper = Alphabets(*model.latents), Alphabets(*model.hyper)

    @classmethod
    def load(cls, path: str | Path) -> "HyperpriorCodec":
        """Loads a model folder or the one in a training workdir.

        Raises:
          ModelError: there is no such model, it is damaged, or not a hyperprior.
        """
        return cls(load_hyperprior(path))

    @property
    def qualities(self) -> int:
        """Number of rates: 1 is the smallest file, `qualities` the best picture."""
        return self.model.config["num_rates"]

    def compress(self, image: np.ndarray, *, quality: int | None = None) -> bytes:
        """A whole file; arguments and errors as `encode`."""
        return self.encode(image, quality=quality).data

    def encode(self, image: np.ndarray, *, quality: int | None = None) -> EncodedHyperprior:
        """`compress`, with what the encoder knows besides the bytes.

        Args:
          image: uint8 (H, W, 3) RGB, H and W >= 1.
          quality: 1 .. `qualities`; default the best.

        Raises:
          ValueError: the image or the quality is not usable.
        """
        quality = self.qualities if quality is None else quality
        _check(image, quality, self.qualities)
        header = HyperpriorHeader(image.shape[1], image.shape[0], quality, self.model.fingerprint)
        area = PaddedArea(header.height, header.width, self._programs.f)
        latents, hyper = self._programs.analysis(area.pad(image), area.mask, quality - 1)
        hyper = area.crop(_to_symbols(hyper), area.hyper_shape)
        levels, means = self._programs.gaussians(area.grow(hyper, 1), quality - 1)
        symbols = area.crop(_to_symbols(latents - means), area.shape)
        encoder = RansEncoder()
        self._hyper.encode(encoder, self._hyper_alphabets(hyper.shape, quality), hyper.ravel())
        hyper_bits = encoder.payload_bits
        which = area.crop(levels, area.shape).ravel()
        self._latents.encode(encoder, which, symbols.ravel())
        payload = encoder.finish(checksum(header, hyper, symbols))
        latent_bits = encoder.payload_bits - hyper_bits
        return EncodedHyperprior(pack(header, payload), hyper_bits, latent_bits)

    def decompress(self, data: bytes, *, max_pixels: int = MAX_PIXELS) -> np.ndarray:
        """The picture (H, W, 3) uint8 of a file.

        Raises:
          PqmError: not such a file, made with another model, larger than `max_pixels`, truncated
            or damaged; never a silently wrong picture.
        """
        header, payload = unpack(data)
        self._check_header(header, max_pixels)
        area = PaddedArea(header.height, header.width, self._programs.f)
        hyper_shape = (*area.hyper_shape, self.model.config["hyper_channels"])
        shape = (*area.shape, self.model.config["latent_channels"])
        self._check_length(len(payload.data), np.prod(hyper_shape), np.prod(shape))
        decoder = RansDecoder(payload.data, payload.lanes, payload.state_bytes)
        which = self._hyper_alphabets(hyper_shape, header.quality)
        hyper = self._hyper.decode(decoder, which).reshape(hyper_shape)
        levels, means = self._programs.gaussians(area.grow(hyper, 1), header.quality - 1)
        which = area.crop(levels, area.shape).ravel()
        symbols = self._latents.decode(decoder, which).reshape(shape)
        if decoder.finish() != checksum(header, hyper, symbols):
            raise CorruptFileError(
                "checksum mismatch: the file is damaged, or it was written on a machine whose "
                "arithmetic differs"
            )
        latents = area.grow(symbols, HYPER_FACTOR).astype(np.float32) + means
        picture = self._programs.synthesis(latents, area.mask, header.quality - 1)
        return picture[: header.height, : header.width].copy()

    def _hyper_alphabets(self, shape: tuple[int, ...], quality: int) -> np.ndarray:
        """Number of the alphabet of each hyper-symbol, flat."""
        channels = shape[-1]
        first = (quality - 1) * channels
        return np.tile(np.arange(first, first + channels), shape[0] * shape[1])

    def _check_header(self, header: HyperpriorHeader, max_pixels: int) -> None:
        if header.fingerprint != self.model.fingerprint:
            raise WrongModelError(
                f"file was made with another model (fingerprint {header.fingerprint:04x}, model "
                f"{self.model.name!r} has {self.model.fingerprint:04x})"
            )
        if header.width * header.height > max_pixels:
            raise TooLargeError(
                f"file claims {header.width} x {header.height} pixels, more than the "
                f"{max_pixels} that are allowed"
            )
        if header.quality > self.qualities:
            raise CorruptFileError(
                f"header claims quality {header.quality}, the model has {self.qualities}"
            )

    def _check_length(self, size: int, hyper_count: int, count: int) -> None:
        """The size of the picture is bounded by that of the file: no symbol is free."""
        if hyper_count * self._hyper.cheapest + count * self._latents.cheapest > 8 * size:
            raise TruncatedFileError(f"{size} bytes are too few for a picture of that size")


def _to_symbols(values: np.ndarray) -> np.ndarray:
    """Nearest integers, halves to even, as int32 of at most `LARGEST_SYMBOL`."""
    if not np.isfinite(values).all():
        raise ValueError("the model makes numbers of this picture that are not finite")
    return np.clip(np.rint(values), -LARGEST_SYMBOL, LARGEST_SYMBOL).astype(np.int32)


def _check(image: np.ndarray, quality: int, qualities: int) -> None:
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or image.size == 0:
        raise ValueError(
            f"an image must be uint8 (H, W, 3) of at least 1 x 1 pixels, got {image.dtype} "
            f"{image.shape}"
        )
    if image.shape[0] * image.shape[1] > MAX_PIXELS:
        raise ValueError(
            f"a picture must have at most {MAX_PIXELS} pixels, got {image.shape[1]} x "
            f"{image.shape[0]}"
        )
    if not 1 <= quality <= qualities:
        raise ValueError(f"quality must be from 1 to {qualities}, got {quality}")
