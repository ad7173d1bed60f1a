"""Where the pictures and maps of an evaluation folder lie, and how they go into a page."""

import base64
import io
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from pqmim_jax.evaluation.html.document import EvaluationFileError


@dataclass(frozen=True)
class Folder:
    """An evaluation folder and the pictures it was made from."""

    root: Path
    pictures: Path

    def decoded_path(self, record: dict) -> Path:
        """PNG that a codec's decoder gave for a record."""
        return self._of(record, "decoded", ".png")

    def bits_path(self, record: dict) -> Path:
        """Bits of every token in every stage, for a record of a PQ-MIM codec."""
        return self._of(record, "bits", ".npz")

    def original(self, file: str) -> Image.Image | None:
        """The original as RGB, or None where it is no longer there or unreadable."""
        return _read(self.pictures / file)

    def decoded(self, record: dict) -> Image.Image | None:
        """The decoded picture as RGB, or None where there is none.

        Raises:
          EvaluationFileError: its size is not the record's.
        """
        path = self.decoded_path(record)
        picture = _read(path)
        size = (record["width"], record["height"])
        if picture is not None and picture.size != size:
            raise EvaluationFileError(f"{path} has {picture.size} pixels, its record {size}")
        return picture

    def bits(self, record: dict) -> np.ndarray | None:
        """(S, h, w) float32 bits, 0 where a stage codes nothing; None where there are none.

        Raises:
          EvaluationFileError: the file holds no such array.
        """
        path = self.bits_path(record)
        if not path.is_file():
            return None
        try:
            with np.load(path, allow_pickle=False) as file:
                bits = np.asarray(file["bits"], np.float32)
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            raise EvaluationFileError(f"{path}: not an array of bits ({error})") from error
        if bits.ndim != 3 or 0 in bits.shape:
            raise EvaluationFileError(f"{path}: bits of shape {bits.shape}, not (S, h, w)")
        return np.nan_to_num(bits, nan=0.0, posinf=0.0, neginf=0.0)

    def _of(self, record: dict, kind: str, suffix: str) -> Path:
        # Not with_suffix: in "a.b.png" only the last part is the picture's kind.
        stem = Path(record["file"]).parent / (Path(record["file"]).stem + suffix)
        return self.root / kind / record["codec"] / record["setting"] / stem


def _read(path: Path) -> Image.Image | None:
    try:
        with Image.open(path) as picture:
            return picture.convert("RGB")
    except OSError:
        return None


def webp(picture: Image.Image, *, quality: int | None = None) -> bytes:
    """WebP file of a picture: without loss unless a quality (0 to 100) is given."""
    buffer = io.BytesIO()
    if quality is None:
        picture.save(buffer, "WEBP", lossless=True, quality=50, method=2)
    else:
        picture.save(buffer, "WEBP", quality=quality, method=4)
    return buffer.getvalue()


def data_uri(data: bytes) -> str:
    """A WebP file as an address that holds it."""
    return "data:image/webp;base64," + base64.b64encode(data).decode("ascii")


def thumbnail(picture: Image.Image, side: int) -> bytes:
    """Small WebP file of a picture, `side` pixels at most on its longer side."""
    small = picture.copy()
    small.thumbnail((side, side), Image.Resampling.LANCZOS)
    return webp(small, quality=75)
