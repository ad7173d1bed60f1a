"""The codec: a loaded model that turns images into `.pqm` bytes and back."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pqmim_jax import masking, model_store
from pqmim_jax.codec import transform
from pqmim_jax.codec.entropy_coding import decode_indices, encode_indices
from pqmim_jax.codec.programs import Programs
from pqmim_jax.codec.quantization import choose, squared_distances
from pqmim_jax.codec.windows import WindowGrid
from pqmim_jax.coding import (
    CorruptFileError,
    Header,
    RansDecoder,
    WrongModelError,
    index_checksum,
    pack,
    unpack,
)

MAX_PIXELS = 200_000_000  # more is refused before anything is allocated


@dataclass(frozen=True)
class EncodedImage:
    """A compressed image, and what the encoder knows of it."""

    data: bytes  # the whole file
    indices: np.ndarray  # (h, w, M) int32, -1 from the quality on
    stage_bits: np.ndarray  # (S,) float64: ideal code length of each stage


@dataclass(frozen=True)
class FileInfo:
    """What a `.pqm` file holds."""

    header: Header
    schedule: str  # canonical spec, the model's default filled in
    bytes: int
    stage_bits: np.ndarray  # (S,) float64: ideal code length of each stage


class Codec:
    """Compresses RGB images of any size; see README for ten lines of use."""

    def __init__(self, model: model_store.StoredModel, threads: int | None = None):
        """Use `Codec.load`; `threads` is how many windows are coded at once (any number gives
        the same bytes).
        """
        self.model = model
        self._programs = Programs(model, threads)
        self._f = model.config["autoencoder"]["f"]
        self._settings = model.config["codec"]
        self._codebooks = _as_compared(model)
        self.default_schedule = masking.canonical(self._settings["schedule"])

    @classmethod
    def load(
        cls, name_or_path: str | Path = model_store.DEFAULT, *, threads: int | None = None
    ) -> "Codec":
        """Loads a packaged model by name, or a model folder, or a training workdir.

        Raises:
          ModelError: there is no such model, or its files are damaged.
        """
        return cls(model_store.load_model(name_or_path), threads)

    @property
    def qualities(self) -> int:
        """Number of qualities M: 1 is the smallest file, M the best picture."""
        return self.model.config["autoencoder"]["num_codebooks"]

    def compress(
        self,
        image: np.ndarray,
        *,
        quality: int | None = None,
        rate_weight: float | None = None,
        schedule: str | None = None,
    ) -> bytes:
        """A whole `.pqm` file.

        Args:
          image: (H, W, 3) uint8, H and W >= 1.
          quality: 1..M, how many sub-quantizers are sent; default M.
          rate_weight: lambda >= 0 of rate-aware quantization, the squared error (8-bit units,
            summed over a token) that one bit may cost; 0 sends the nearest codewords; default
            the model's for this quality.
          schedule: coding order, e.g. "qlds(stages=8)"; default the model's.

        Raises:
          ValueError: the image, quality, weight or schedule is not usable.
        """
        encoded = self.encode(image, quality=quality, rate_weight=rate_weight, schedule=schedule)
        return encoded.data

    def encode(
        self,
        image: np.ndarray,
        *,
        quality: int | None = None,
        rate_weight: float | None = None,
        schedule: str | None = None,
    ) -> EncodedImage:
        """`compress`, with what the encoder knows besides the bytes."""
        quality, spec = self._check_quality(quality), self._check_schedule(schedule)
        weight = self._rate_weight(quality, rate_weight)
        latents = self.encode_latents(image)
        grid = self._grid(*image.shape[:2])

        def choice(tables, rows, columns, m):
            distances = squared_distances(latents[rows, columns, m], self._codebooks[m])
            return choose(distances, tables, weight)

        coder, indices, bits = encode_indices(
            self._programs, grid, choice, self.qualities, quality, spec
        )
        own_schedule = None if spec == self.default_schedule else spec
        header = Header(
            image.shape[1], image.shape[0], quality, self.model.fingerprint, own_schedule
        )
        tail = index_checksum(header, indices[..., :quality].astype(np.uint16))
        return EncodedImage(pack(header, coder.finish(tail)), indices, bits)

    def decompress(self, data: bytes) -> np.ndarray:
        """(H, W, 3) uint8 picture of a `.pqm` file.

        Raises:
          PqmError: not a .pqm file, made with another model, truncated or damaged; never a
            silently wrong picture.
        """
        indices, info = self._read(data)
        size = (info.header.height, info.header.width)
        return self.decode_indices(indices, info.header.quality, size)

    def info(self, data: bytes) -> FileInfo:
        """Header and the bits of each stage; checks the whole file, raises as `decompress`."""
        return self._read(data)[1]

    def encode_latents(self, image: np.ndarray) -> np.ndarray:
        """Sub-vectors (h, w, M, d) float32 of an image (H, W, 3) uint8: the encoder network."""
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or image.size == 0:
            raise ValueError(
                f"image must be uint8 (H, W, 3), got {image.dtype} {tuple(image.shape)}"
            )
        if image.shape[0] * image.shape[1] > MAX_PIXELS:
            raise ValueError(f"image has more than {MAX_PIXELS} pixels: {tuple(image.shape)}")
        grid = self._grid(*image.shape[:2])
        latents = transform.encode_latents(self._programs, grid, image)
        return latents.reshape(*grid.tokens, self.qualities, -1)

    def nearest_indices(self, image: np.ndarray) -> np.ndarray:
        """(h, w, M) int32: the nearest codewords, what is sent where `rate_weight` is 0."""
        latents = self.encode_latents(image)
        flat = latents.reshape(-1, *latents.shape[2:])
        columns = [
            np.argmin(squared_distances(flat[:, m], codebook), axis=-1)
            for m, codebook in enumerate(self._codebooks)
        ]
        return np.stack(columns, axis=-1).astype(np.int32).reshape(latents.shape[:3])

    def decode_indices(
        self, indices: np.ndarray, quality: int, size: tuple[int, int]
    ) -> np.ndarray:
        """Picture (H, W, 3) uint8 of indices (h, w, M): the decoder network alone.

        Args:
          quality: sub-quantizers from this one on are ignored.
          size: (H, W) in pixels.
        """
        codewords = self._codebooks[np.arange(self.qualities), np.maximum(indices, 0)]
        codewords[:, :, quality:] = 0
        return transform.decode_latents(self._programs, self._grid(*size), codewords, quality)

    def _read(self, data: bytes) -> tuple[np.ndarray, FileInfo]:
        header, payload = unpack(data)
        self._check_header(header)
        decoder = RansDecoder(payload.data, payload.lanes, payload.state_bytes)
        grid = self._grid(header.height, header.width)
        schedule = header.schedule or self.default_schedule
        indices, bits = decode_indices(
            self._programs, grid, decoder, self.qualities, header.quality, schedule
        )
        sent = indices[..., : header.quality].astype(np.uint16)
        if decoder.finish() != index_checksum(header, sent):
            raise CorruptFileError("damaged file: the checksum over the decoded indices is wrong")
        return indices, FileInfo(header, schedule, len(data), bits)

    def _check_header(self, header: Header) -> None:
        if header.fingerprint != self.model.fingerprint:
            raise WrongModelError(
                f"file was made with another model (fingerprint {header.fingerprint:04x}, "
                f"model {self.model.name!r} has {self.model.fingerprint:04x})"
            )
        if header.width * header.height > MAX_PIXELS:
            raise CorruptFileError(
                f"header claims {header.width} x {header.height} pixels, more than {MAX_PIXELS}"
            )
        if header.quality > self.qualities:
            raise CorruptFileError(
                f"header claims quality {header.quality}, the model has {self.qualities}"
            )
        if header.schedule is not None:
            try:
                masking.canonical(header.schedule)
            except ValueError as error:
                raise CorruptFileError(f"header names an unusable schedule: {error}") from error

    def _check_quality(self, quality: int | None) -> int:
        if quality is None:
            return self.qualities
        if not 1 <= quality <= self.qualities:
            raise ValueError(f"quality must be in 1..{self.qualities}, got {quality}")
        return int(quality)

    def _rate_weight(self, quality: int, rate_weight: float | None) -> float:
        if rate_weight is None:
            return float((self._settings["rate_weights"] or [0.0] * self.qualities)[quality - 1])
        if not 0 <= rate_weight < float("inf"):
            raise ValueError(f"rate weight (lambda) must be a number >= 0, got {rate_weight}")
        return float(rate_weight)

    def _check_schedule(self, schedule: str | None) -> str:
        return masking.canonical(schedule or self.default_schedule)

    def _grid(self, height: int, width: int) -> WindowGrid:
        return WindowGrid(height, width, self._f, self._settings["window"], self._settings["halo"])


def _as_compared(model: model_store.StoredModel) -> np.ndarray:
    """Codebooks (M, K, d) float32, l2-normalised if the model's look-up is."""
    codebooks = model.autoencoder["quantizer"]["codebooks"]
    if not model.config["autoencoder"]["normalize_codes"]:
        return codebooks
    return codebooks / np.maximum(np.linalg.norm(codebooks, axis=-1, keepdims=True), 1e-6)
