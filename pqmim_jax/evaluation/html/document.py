"""`evaluation.json`: read once, checked once, so that the rest may rely on its shape."""

import json
from pathlib import Path, PurePosixPath

SCHEMA = "pqmim-evaluation/1"
NAME = "evaluation.json"

_NUMBER = (int, float)
_MAYBE = (int, float, type(None))
_QUALITY = {"psnr": _MAYBE, "ms_ssim": _MAYBE, "lpips": _MAYBE}
_SECONDS = {"encode_seconds": _MAYBE, "decode_seconds": _MAYBE}
_POINT = {"bpp": _NUMBER, "bytes": _MAYBE, **_QUALITY, **_SECONDS}
_SETTING = {
    "setting": str,
    "images": int,
    "means": _POINT,
    "fid": _MAYBE,
    "kid": _MAYBE,
    "kid_standard_error": _MAYBE,
}
_CODEC = {
    "name": str,
    "label": str,
    "family": str,
    "description": str,
    "version": str,
    "settings": [_SETTING],
}
_PUBLISHED = {
    "name": str,
    "source": str,
    "date": str,
    "averaging": str,
    "points": [{"bpp": _NUMBER, **_QUALITY}],
}
_BD = {
    "reference": str,
    "other": str,
    "metric": str,
    "bd_rate": _MAYBE,
    "bd_quality": _MAYBE,
    "overlap": (list, type(None)),
    "note": (str, type(None)),
}
_RECORD = {
    "codec": str,
    "setting": str,
    "file": str,
    "width": int,
    "height": int,
    "bytes": int,
    "bpp": _NUMBER,
    **_QUALITY,
    **_SECONDS,
    "ideal_bits": _MAYBE,
    "static_bits": _MAYBE,
    "stage_bits": (list, type(None)),
}
_DOCUMENT = {
    "pictures": {"folder": str, "count": int, "pixels": int},
    "codecs": [_CODEC],
    "features": (dict, type(None)),
    "published": [_PUBLISHED],
    "bd": [_BD],
    "images": [_RECORD],
    "environment": dict,
    "command": str,
    "created": str,
}


class EvaluationFileError(ValueError):
    """`evaluation.json` is missing or damaged, or disagrees with its folder."""


def load_document(folder: Path) -> dict:
    """The evaluation of a folder; optional entries that the file leaves out are None.

    Infinite and undefined numbers become None too: JSON has no word for them.

    Raises:
      EvaluationFileError: no such file, no JSON, another schema, or an entry of the wrong kind.
    """
    path = Path(folder) / NAME
    try:
        document = json.loads(path.read_text("utf-8"), parse_constant=lambda _: None)
    except OSError as error:
        raise EvaluationFileError(f"{path}: cannot be read ({error.strerror})") from error
    except ValueError as error:  # JSONDecodeError and UnicodeDecodeError are both
        raise EvaluationFileError(f"{path}: not JSON ({error})") from error
    schema = document.get("schema") if isinstance(document, dict) else None
    if schema != SCHEMA:
        raise EvaluationFileError(f"{path}: its schema is {schema!r}; this version reads {SCHEMA}")
    try:
        checked = _checked(document, _DOCUMENT, "evaluation")
        _check_names(checked)
    except EvaluationFileError as error:
        raise EvaluationFileError(f"{path}: {error}") from None
    return checked


def _checked(value, shape, where: str):
    """A copy of `value` with every entry of `shape` in it, None where it may be left out."""
    if isinstance(shape, dict):
        _require(value, dict, where)
        entries = {key: _checked(value.get(key), s, f"{where}.{key}") for key, s in shape.items()}
        return {**value, **entries}
    if isinstance(shape, list):
        _require(value, list, where)
        return [_checked(item, shape[0], f"{where}[{i}]") for i, item in enumerate(value)]
    _require(value, shape, where)
    return value


def _require(value, kinds, where: str) -> None:
    kinds = kinds if isinstance(kinds, tuple) else (kinds,)
    # A bool is an int to Python, and no number to the reader of a table.
    if not isinstance(value, kinds) or isinstance(value, bool):
        wanted = " or ".join("null" if k is type(None) else k.__name__ for k in kinds)
        raise EvaluationFileError(f"{where} is {_kind(value)}, not {wanted}")


def _kind(value) -> str:
    return "missing or null" if value is None else type(value).__name__


def _check_names(document: dict) -> None:
    """Names become parts of paths: none may lead out of the folder."""
    names = {codec["name"] for codec in document["codecs"]}
    if not names:
        raise EvaluationFileError("it names no codec")
    if len(names) < len(document["codecs"]):
        raise EvaluationFileError("two codecs have one name")
    for record in document["images"]:
        if record["codec"] not in names:
            raise EvaluationFileError(f"images name a codec {record['codec']!r} that is not listed")
        for part in (record["codec"], record["setting"], record["file"]):
            path = PurePosixPath(part)
            if path.is_absolute() or ".." in path.parts or not path.parts or "\0" in part:
                raise EvaluationFileError(f"{part!r} leads out of the evaluation's folder")
        if min(record["width"], record["height"], record["bytes"]) < 1 or record["bpp"] <= 0:
            raise EvaluationFileError(f"size or rate of {record['file']!r} is not positive")
