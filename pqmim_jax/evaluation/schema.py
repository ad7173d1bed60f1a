"""The JSON document of an evaluation: its types, and a check that a document has them."""

import json
import math
import types
from pathlib import Path
from typing import Any, Literal, TypedDict, Union, get_args, get_origin, get_type_hints

SCHEMA = "pqmim-evaluation/1"


class SchemaError(ValueError):
    """A document or record does not have the shape that it claims."""


class Record(TypedDict):
    """One picture through one codec at one setting."""

    key: str  # of codec, parameters and pixels: equal keys are the same measurement
    codec: str
    setting: str
    file: str  # name within the folder of pictures
    width: int  # pixels
    height: int
    bytes: int  # whole file
    bpp: float  # bits per pixel of the whole file
    psnr: float | None  # dB, 8-bit RGB; None: the pictures are equal
    ms_ssim: float | None  # None: too small a picture
    lpips: float | None  # None: not computed
    encode_seconds: float  # picture in memory to bytes in memory
    decode_seconds: float
    ideal_bits: float | None  # what the entropy model says the symbols cost
    static_bits: float | None  # what they cost under the codewords' fixed frequencies
    stage_bits: list[float] | None  # `ideal_bits` by stage


class Means(TypedDict):
    """Means over the pictures of one setting; None where a picture has none."""

    bytes: float
    bpp: float  # of the pictures' bits per pixel
    psnr: float | None  # of the pictures' dB
    ms_ssim: float | None
    lpips: float | None
    encode_seconds: float
    decode_seconds: float
    ideal_bits: float | None
    static_bits: float | None


class SettingResult(TypedDict):
    """One point of a codec's curve."""

    setting: str
    parameters: dict[str, Any]
    images: int
    means: Means
    stage_bits: list[float] | None  # means over the pictures
    codebook_perplexity: list[float] | None  # of each sub-quantizer sent, over all pictures
    fid: float | None
    kid: float | None
    kid_standard_error: float | None


class CodecResult(TypedDict):
    """A codec and its curve."""

    name: str
    label: str
    family: Literal["pqmim", "hyperprior", "classical", "external"]
    description: str
    version: str
    settings: list[SettingResult]


class PublishedPoint(TypedDict):
    """One point of a curve from the literature."""

    bpp: float
    psnr: float
    ms_ssim: float | None


class PublishedCurve(TypedDict):
    """A curve from the literature, over the same pictures."""

    name: str
    source: str
    date: str  # ISO, of the source's version
    averaging: str  # how its means were taken
    points: list[PublishedPoint]


class Comparison(TypedDict):
    """Bjontegaard's differences between two curves."""

    reference: str
    other: str
    metric: Literal["psnr", "ms_ssim", "lpips"]
    bd_rate: float | None  # share of the bits: -0.1 is ten percent fewer
    bd_quality: float | None  # dB (of PSNR; of -10 log10(1 - MS-SSIM)), or LPIPS
    overlap: list[float] | None  # the range of quality that both reach, in the same unit
    note: str | None  # why there is no number, or what to know about it


class Features(TypedDict):
    """Which network FID and KID are over."""

    name: str
    comparable: bool  # with published values


class Pictures(TypedDict):
    """What was coded."""

    folder: str
    count: int
    pixels: int


class Document(TypedDict):
    """A whole evaluation."""

    schema: Literal["pqmim-evaluation/1"]
    pictures: Pictures
    codecs: list[CodecResult]
    features: Features | None
    published: list[PublishedCurve]
    bd: list[Comparison]
    images: list[Record]
    notes: list[str]  # what was left out, and why
    environment: dict[str, Any]
    command: str
    created: str  # ISO date and time, UTC


def check(value: object, expected: Any, where: str = "document") -> None:
    """Checks that plain JSON data has a type made of TypedDict, list, dict, Literal and unions.

    Numbers must be finite; an int may stand for a float. Members that a TypedDict does not name
    are refused.

    Raises:
      SchemaError: it has not; the message says where.
    """
    origin = get_origin(expected)
    if expected is Any:
        return
    if origin in (Union, types.UnionType):
        _check_union(value, get_args(expected), where)
    elif origin is Literal:
        _require(value in get_args(expected), value, f"one of {get_args(expected)}", where)
    elif origin in (list, dict):
        _require(isinstance(value, origin), value, origin.__name__, where)
        items = value.items() if origin is dict else enumerate(value)
        for key, item in items:
            check(item, get_args(expected)[-1], f"{where}[{key!r}]")
    elif hasattr(expected, "__required_keys__"):
        _check_members(value, expected, where)
    elif expected is float:
        number = isinstance(value, int | float) and not isinstance(value, bool)
        _require(number and math.isfinite(value), value, "a finite number", where)
    else:
        fits = isinstance(value, expected) and (expected is bool or not isinstance(value, bool))
        _require(fits, value, expected.__name__, where)


def read_document(path: Path) -> Document:
    """Reads and checks `evaluation.json`, or the file of `pqmim evaluate --json`.

    Raises:
      SchemaError: it is not such a document.
      OSError: it cannot be read.
    """
    try:
        document = json.loads(path.read_text())
    except ValueError as error:  # not UTF-8, or not JSON
        raise SchemaError(f"{path}: not a JSON document: {error}") from error
    if not isinstance(document, dict) or document.get("schema") != SCHEMA:
        raise SchemaError(f"{path}: not a document of schema {SCHEMA}")
    check(document, Document, str(path))
    return document


def to_json(document: Document) -> str:
    """Text of a document, checked: `read_document` takes it.

    Raises:
      SchemaError: a bug in what made the document.
    """
    check(document, Document)
    return json.dumps(document, indent=1, allow_nan=False, ensure_ascii=False) + "\n"


def _check_union(value: object, choices: tuple, where: str) -> None:
    if value is None and type(None) in choices:
        return
    [only] = [choice for choice in choices if choice is not type(None)]
    check(value, only, where)


def _check_members(value: object, expected: Any, where: str) -> None:
    _require(isinstance(value, dict), value, "an object", where)
    members = get_type_hints(expected)
    for name in sorted(expected.__required_keys__ - value.keys()):
        raise SchemaError(f"{where}: {name!r} is missing")
    for name in sorted(value.keys() - members.keys()):
        raise SchemaError(f"{where}: {name!r} is not a member")
    for name, item in value.items():
        check(item, members[name], f"{where}.{name}")


def _require(holds: bool, value: object, wanted: str, where: str) -> None:
    if not holds:
        raise SchemaError(f"{where}: expected {wanted}, got {value!r:.80}")
