"""Files written whole or not at all."""

import os
import secrets
from pathlib import Path


def write_atomically(path: str | os.PathLike, data: bytes, *, overwrite: bool) -> None:
    """Writes a file so that under its name there is always the whole of it, or nothing new.

    Raises:
      OSError: it cannot be written; as `check_writable` where that can be known before.
    """
    path = Path(path)
    check_writable(path, overwrite=overwrite)
    partial = path.with_name(f".pqmim-{secrets.token_hex(8)}.partial")
    try:
        with open(partial, "xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def check_writable(path: Path, *, overwrite: bool) -> None:
    """Finds out early what `write_atomically` would refuse.

    Raises:
      FileExistsError: the file exists and `overwrite` is false, or it is no regular file.
      FileNotFoundError: its folder does not exist.
    """
    # Replacing a device or a pipe, say /dev/null, by a file would break the machine.
    if path.exists() and not path.is_file():
        raise FileExistsError(f"{path} exists and is not a regular file")
    if path.exists() and not overwrite:
        raise FileExistsError(f"{path} exists already")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"{path.parent}: no such folder")
