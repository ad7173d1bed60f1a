"""The folder of an evaluation: what was measured lies there, and is never measured again.

records.jsonl                          one record a line, appended as measured
decoded/<codec>/<setting>/<stem>.png   the decoded picture
bits/<codec>/<setting>/<stem>.npz      "bits" (S, h, w) float32 and "indices" (h, w, M') int32
evaluation.json                        the document; report.html beside it
"""

import io
import json
from pathlib import Path

import numpy as np
from PIL import Image

from pqmim_jax.evaluation.codecs.interface import Encoded
from pqmim_jax.evaluation.pictures import EvaluationError
from pqmim_jax.evaluation.schema import Record, SchemaError, check
from pqmim_jax.images import write_atomically

_RECORDS = "records.jsonl"


class EvaluationFolder:
    """Records by codec, setting and file; a later line counts more than an earlier one."""

    def __init__(self, path: Path, *, keep_pictures: bool):
        """Opens a folder or makes it, and mends what a crash left of the last line.

        Args:
          keep_pictures: decoded pictures are stored, and a record without its picture does not
            count.

        Raises:
          EvaluationError: a folder that holds something else.
          OSError: it cannot be read or made.
        """
        self.path = path
        self.keep_pictures = keep_pictures
        self.notes: list[str] = []  # on lines that could not be read
        log = path / _RECORDS
        if path.is_dir() and not log.exists() and any(path.iterdir()):
            raise EvaluationError(f"{path} is no folder of an evaluation, and not empty")
        path.mkdir(parents=True, exist_ok=True)
        self._log = log
        self._records = self._read(log) if log.exists() else {}
        log.touch()

    def find(self, key: str, codec: str, setting: str, picture) -> Record | None:
        """The stored record of a measurement, if all that belongs to it is there."""
        record = self._records.get((codec, setting, picture.name))
        if record is None or record["key"] != key:
            return None
        if self.keep_pictures and not self.picture_path(codec, setting, picture.stem).is_file():
            return None
        return record

    def add(self, record: Record) -> None:
        """Stores a record; what belongs to it must be stored before."""
        line = json.dumps(record, allow_nan=False) + "\n"
        with open(self._log, "a") as log:
            log.write(line)
        self._records[_place(record)] = record

    def picture_path(self, codec: str, setting: str, stem: str) -> Path:
        """Where a decoded picture lies."""
        return self.path / "decoded" / codec / setting / f"{stem}.png"

    def bits_path(self, codec: str, setting: str, stem: str) -> Path:
        """Where the bits of a picture's tokens lie."""
        return self.path / "bits" / codec / setting / f"{stem}.npz"

    def _read(self, log: Path) -> dict[tuple, Record]:
        data, records = log.read_bytes(), {}
        whole = data[: data.rfind(b"\n") + 1]
        if whole != data:  # cut short while it was written: nothing may be appended to that
            write_atomically(log, whole, overwrite=True)
            self.notes.append(f"{_RECORDS}: the last line was cut short; it is measured again")
        for number, line in enumerate(whole.splitlines(), start=1):
            try:
                record = json.loads(line)
                check(record, Record, "record")
            except ValueError as error:
                reason = str(error) if isinstance(error, SchemaError) else "not JSON"
                self.notes.append(f"{_RECORDS}: line {number} is unusable ({reason})")
                continue
            records[_place(record)] = record
        return records


def save_picture(path: Path, image: np.ndarray) -> None:
    """Writes a decoded picture (H, W, 3) uint8, whole or not at all."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG", compress_level=3)  # 6 takes three times as long
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, buffer.getvalue(), overwrite=True)


def read_png(path: Path) -> np.ndarray:
    """What `save_picture` wrote."""
    with Image.open(path) as image:
        return np.array(image.convert("RGB"))


def save_bits(path: Path, encoded: Encoded) -> None:
    """Writes the bits of an encoded picture's tokens, and its codewords."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, bits=encoded.token_bits, indices=encoded.indices)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, buffer.getvalue(), overwrite=True)


def _place(record: Record) -> tuple[str, str, str]:
    return record["codec"], record["setting"], record["file"]
