"""The codec: a loaded model that turns images into `.pqm` bytes and back."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pqmim_jax import masking, model_store
from pqmim_jax.codec.entropy_coding import decode_indices, encode_indices
from pqmim_jax.codec.programs import Programs
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
        self, image: np.ndarray, *, quality: int | None = None, schedule: str | None = None
    ) -> bytes:
        """A whole `.pqm` file.

        Args:
          image: (H, W, 3) uint8, H and W >= 1.
          quality: 1..M, how many sub-quantizers are sent; default M.
          schedule: coding order, e.g. "qlds(stages=4)"; default the model's.

        Raises:
          ValueError: the image, quality or schedule is not usable.
        """
        quality, spec = self._check_quality(quality), self._check_schedule(schedule)
        indices = self.encode_image(image)
        grid = self._grid(*image.shape[:2])
        coder, _ = encode_indices(self._programs, grid, indices, quality, spec)
        own_schedule = None if spec == self.default_schedule else spec
        header = Header(
            image.shape[1], image.shape[0], quality, self.model.fingerprint, own_schedule
        )
        tail = index_checksum(header, indices[..., :quality].astype(np.uint16))
        return pack(header, coder.finish(tail))

    def decompress(self, data: bytes) -> np.ndarray:
        """(H, W, 3) uint8 picture of a `.pqm` file.

        Raises:
          PqmError: not a .pqm file, made with another model, truncated or damaged; never a
            silently wrong picture.
        """
        return self.decompress_with_info(data)[0]

    def info(self, data: bytes) -> FileInfo:
        """Header and the bits of each stage; checks the whole file, raises as `decompress`."""
        return self._read(data)[1]

    def decompress_with_info(self, data: bytes) -> tuple[np.ndarray, FileInfo]:
        """`decompress` and `info` in one pass over the file."""
        indices, info = self._read(data)
        size = (info.header.height, info.header.width)
        return self.decode_indices(indices, info.header.quality, size), info

    def stage_bits(
        self,
        indices: np.ndarray,
        size: tuple[int, int],
        *,
        quality: int | None = None,
        schedule: str | None = None,
    ) -> np.ndarray:
        """Ideal code length in bits of each stage, (S,) float64, of indices (h, w, M).

        Args:
          size: (H, W) of the image in pixels.
          quality, schedule: as in `compress`.
        """
        quality, spec = self._check_quality(quality), self._check_schedule(schedule)
        return encode_indices(self._programs, self._grid(*size), indices, quality, spec)[1]

    def encode_image(self, image: np.ndarray) -> np.ndarray:
        """Indices (h, w, M) int32 of an image (H, W, 3) uint8: the encoder network alone."""
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or image.size == 0:
            raise ValueError(
                f"image must be uint8 (H, W, 3), got {image.dtype} {tuple(image.shape)}"
            )
        if image.shape[0] * image.shape[1] > MAX_PIXELS:
            raise ValueError(f"image has more than {MAX_PIXELS} pixels: {tuple(image.shape)}")
        grid = self._grid(*image.shape[:2])
        indices = np.zeros((*grid.tokens, self.qualities), np.int32)
        encode = self._programs.encode
        cores = self._programs.map(lambda o: encode(grid.pixels_of(image, o)), grid.origins)
        for origin, core in zip(grid.origins, cores, strict=True):
            grid.place(indices, origin, core, 1)
        return indices

    def decode_indices(
        self, indices: np.ndarray, quality: int, size: tuple[int, int]
    ) -> np.ndarray:
        """Picture (H, W, 3) uint8 of indices (h, w, M): the decoder network alone.

        Args:
          quality: sub-quantizers from this one on are ignored.
          size: (H, W) in pixels.
        """
        grid = self._grid(*size)
        picture = np.zeros((*size, 3), np.uint8)
        decode, sent = self._programs.decode, np.maximum(indices, 0)
        cores = self._programs.map(
            lambda o: decode(grid.codes_of(sent, o), np.int32(quality)), grid.origins
        )
        for origin, core in zip(grid.origins, cores, strict=True):
            grid.place(picture, origin, core, self._f)
        return picture

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

    def _check_schedule(self, schedule: str | None) -> str:
        return masking.canonical(schedule or self.default_schedule)

    def _grid(self, height: int, width: int) -> WindowGrid:
        return WindowGrid(height, width, self._f, self._settings["window"], self._settings["halo"])
