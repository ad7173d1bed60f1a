"""What a codec hands out."""

from dataclasses import dataclass

import numpy as np

from pqmim_jax.codec.settings import Settings
from pqmim_jax.coding import Header


@dataclass(frozen=True)
class EncodedImage:
    """A compressed image, and what the encoder knows of it."""

    data: bytes  # the whole file
    indices: np.ndarray  # (h, w, M) int32, -1 where the file holds none
    index_bits: np.ndarray  # (h, w, M) float32: ideal code length of each index, 0 where none is
    stage_bits: np.ndarray  # (S,) float64: the same, summed over each stage
    settings: Settings


@dataclass(frozen=True)
class DecodedImage:
    """What a file holds."""

    pixels: np.ndarray  # uint8, of the shape that was compressed
    icc_profile: bytes | None
    exif: bytes | None
    damage: str | None  # one line on what is missing; None: everything is there, and right
    decoder_matches: bool  # the file names the decoder that made these pixels


@dataclass(frozen=True)
class FileInfo:
    """What a `.pqm` file holds, without its picture."""

    header: Header
    schedule: str  # canonical spec, the model's default filled in
    bytes: int
    stage_bits: np.ndarray  # (S,) float64: ideal code length of each stage
    stage_ends: np.ndarray  # (S,) int64: length of the prefix of the file that holds each stage
