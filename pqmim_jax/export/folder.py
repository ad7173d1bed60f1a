"""Exported folders: whole or not there, and never written over something else."""

import json
import os
import secrets
import shutil
from pathlib import Path

from pqmim_jax.runtime.manifest import FORMAT, MANIFEST, ExportError, describe_file, sealed


def check_target(folder: Path, *, overwrite: bool) -> None:
    """Finds out before any work is done whether `write_folder` could write there.

    Raises:
      ExportError: the folder exists, and is not an export or `overwrite` is false.
      OSError: the folder that it is to be in does not exist.
    """
    if not folder.absolute().parent.is_dir():
        raise FileNotFoundError(f"{folder.absolute().parent}: no such folder")
    if not folder.exists() and not folder.is_symlink():
        return
    if folder.is_dir() and not folder.is_symlink():
        if not any(folder.iterdir()):
            return
        if _is_export(folder) and overwrite:
            return
        if _is_export(folder):
            raise ExportError(f"{folder} exists already (--force replaces it)")
    raise ExportError(f"{folder} exists and is not an exported folder: it is left as it is")


def write_folder(folder: Path, manifest: dict, files: dict[str, bytes], *, overwrite: bool) -> None:
    """Writes files and their manifest, which is completed by "format", "files", "sha256".

    Raises:
      ExportError, OSError: as `check_target`, or it cannot be written.
    """
    check_target(folder, overwrite=overwrite)
    listed = {name: describe_file(data) for name, data in sorted(files.items())}
    manifest = sealed({"format": FORMAT, **manifest, "files": listed})
    text = json.dumps(manifest, indent=1) + "\n"
    partial = folder.absolute().parent / f".pqmim-{secrets.token_hex(8)}.partial"
    partial.mkdir()
    try:
        for name, data in {**files, MANIFEST: text.encode()}.items():
            with open(partial / name, "xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
        _put_in_place(partial, folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _put_in_place(partial: Path, folder: Path) -> None:
    if not folder.exists():
        partial.rename(folder)
        return
    old = partial.with_suffix(".old")
    folder.rename(old)
    try:
        partial.rename(folder)
    except OSError:
        old.rename(folder)
        raise
    shutil.rmtree(old)


def _is_export(folder: Path) -> bool:
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(manifest, dict) and str(manifest.get("format")).startswith(
        FORMAT.partition("/")[0]
    )
