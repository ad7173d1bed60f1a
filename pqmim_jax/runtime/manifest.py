"""The manifest of an exported folder: what is in it, and whether it is all there unchanged.

manifest.json         format, kind, model, fingerprint, decoder, versions, config, programs, files
<the files it lists>  each with its length and SHA-256; nothing else is read: programs or tensors,
                      codebooks, and how often codewords occur

Its field "sha256" is over all the others, so that no change goes unnoticed.
"""

import hashlib
import json
from pathlib import Path, PurePosixPath

FORMAT = "pqmim-export/3"
MANIFEST = "manifest.json"
KINDS = ("onnx", "stablehlo", "safetensors")


class ExportError(ValueError):
    """An exported folder is missing, unusable, or not what its manifest says."""


def describe_file(data: bytes) -> dict:
    """What the manifest says of a file."""
    return {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}


def sealed(manifest: dict) -> dict:
    """The manifest with its own SHA-256."""
    rest = {key: value for key, value in manifest.items() if key != "sha256"}
    text = json.dumps(rest, sort_keys=True)
    return {**rest, "sha256": hashlib.sha256(text.encode()).hexdigest()}


def read_manifest(folder: Path, kind: str) -> dict:
    """The manifest of an exported folder.

    Args:
      kind: one of KINDS, that it must be.

    Raises:
      ExportError: there is none, it is damaged, or of another kind, or a file that it lists is
        missing or of another length.
    """
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ExportError(
            f"{folder}: no {MANIFEST} here; `pqmim export MODEL --format {kind} -o FOLDER` makes "
            "such a folder"
        ) from None
    except (OSError, ValueError) as error:
        raise ExportError(f"{folder}: {MANIFEST} is unreadable: {error}") from error
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        found = manifest.get("format") if isinstance(manifest, dict) else None
        raise ExportError(f"{folder}: export format {found!r} is not supported ({FORMAT} is)")
    if sealed(manifest) != manifest:
        raise ExportError(f"{folder}: {MANIFEST} was changed after the export (SHA-256)")
    if manifest.get("kind") != kind:
        raise ExportError(f"{folder} is an export to {manifest.get('kind')!r}, not to {kind!r}")
    files = manifest.get("files")
    if not isinstance(files, dict) or not all(map(_is_plain_name, files)):
        raise ExportError(f"{folder}: {MANIFEST} lists no files, or files outside its folder")
    for name, listed in files.items():
        _check_size(folder / name, listed)
    return manifest


def _check_size(path: Path, listed: dict) -> None:
    """Finds out before any work that a file is missing or cut short; hashes are for `read_file`."""
    try:
        size, expected = path.stat().st_size, listed["bytes"]
    except OSError as error:
        raise ExportError(f"{path}: {error.strerror}") from error
    except (KeyError, TypeError) as error:
        raise ExportError(f"{path.parent}: {MANIFEST} is damaged: {error!r}") from error
    if size != expected:
        raise ExportError(f"{path} has {size} bytes, {MANIFEST} lists {expected}")


def read_file(folder: Path, manifest: dict, name: str) -> bytes:
    """A file of an exported folder.

    Raises:
      ExportError: it is missing, or not the one that the manifest lists.
    """
    listed = manifest["files"].get(name)
    if listed is None:
        raise ExportError(f"{folder}: {MANIFEST} does not list {name!r}")
    try:
        data = (folder / name).read_bytes()
    except OSError as error:
        raise ExportError(f"{folder / name}: {error.strerror}") from error
    if describe_file(data) != listed:
        raise ExportError(f"{folder / name} is not the file that {MANIFEST} lists (SHA-256)")
    return data


def _is_plain_name(name: str) -> bool:
    return PurePosixPath(name).name == name and "\\" not in name
