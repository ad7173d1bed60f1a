"""Where things are kept that cost seconds to make anew, and nothing else."""

import hashlib
import os
from functools import cache
from pathlib import Path

_PACKAGE = Path(__file__).parent


def cache_folder() -> Path:
    """`$PQMIM_CACHE_DIR`, else `pqmim_jax` below the user's cache folder."""
    if folder := os.environ.get("PQMIM_CACHE_DIR"):
        return Path(folder)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "pqmim_jax"


@cache
def source_digest(*rooms: str) -> str:
    """SHA-256 over the source of some rooms of this package."""
    files = sorted(file for room in rooms for file in (_PACKAGE / room).rglob("*.py"))
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()
