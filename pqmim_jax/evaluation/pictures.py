"""The pictures of an evaluation, known by their pixels."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pqmim_jax.images import IMAGE_SUFFIXES, read_image


class EvaluationError(RuntimeError):
    """There is nothing to evaluate, or a codec broke its promise."""


@dataclass(frozen=True)
class EvaluatedPicture:
    """One picture of the folder."""

    path: Path
    width: int  # pixels
    height: int
    digest: str  # of its pixels: `pixel_digest`

    @property
    def name(self) -> str:
        """File name within the folder."""
        return self.path.name

    @property
    def stem(self) -> str:
        """What files made of it are called."""
        return self.path.stem


def find_images(folder: Path) -> list[Path]:
    """Pictures directly in a folder, sorted by name.

    Raises:
      EvaluationError: there are none.
      OSError: the folder cannot be read.
    """
    paths = sorted(p for p in folder.iterdir() if p.suffix.lower() in IMAGE_SUFFIXES)
    if not paths:
        suffixes = " ".join(sorted(IMAGE_SUFFIXES))
        raise EvaluationError(f"{folder}: no pictures in it (looked for {suffixes})")
    return paths


def load_pictures(paths: Sequence[Path]) -> list[EvaluatedPicture]:
    """Reads every picture once, so that a bad one is known before anything is measured.

    Raises:
      EvaluationError: two pictures differ in the suffix only: decoded, they would be one file.
      ImageError, OSError: a picture cannot be read.
    """
    by_stem: dict[str, Path] = {}
    for path in paths:
        other = by_stem.setdefault(path.stem, path)
        if other != path:
            raise EvaluationError(
                f"{other.name} and {path.name} would both become {path.stem}.png: rename one"
            )
    return [_load(path) for path in paths]


def pixel_digest(image: np.ndarray) -> str:
    """16 hexadecimal digits of SHA-256 over shape and samples of a picture (H, W, 3) uint8.

    Equal for copies of a picture under other names and in other lossless formats.
    """
    digest = hashlib.sha256(f"{image.shape[0]} {image.shape[1]} ".encode())
    digest.update(np.ascontiguousarray(image).tobytes())
    return digest.hexdigest()[:16]


def _load(path: Path) -> EvaluatedPicture:
    image = read_image(path)
    height, width = image.shape[:2]
    return EvaluatedPicture(path, width, height, pixel_digest(image))
