"""Pictures as bytes of a file, by suffix: exact wherever the format can be."""

import io
import warnings
from dataclasses import dataclass, field

import numpy as np
from PIL import Image, features

from pqmim_jax.images.exif import PREFIX
from pqmim_jax.images.picture import ImageError, Picture, PictureWarning, on_white


@dataclass(frozen=True)
class _Format:
    name: str  # Pillow's
    modes: tuple[str, ...]  # kinds of pixels that it holds
    options: dict = field(default_factory=dict)
    holds_metadata: bool = True
    feature: str | None = None  # of Pillow, absent from some builds


_ALL = ("L", "LA", "RGB", "RGBA")
_JPEG = _Format("JPEG", ("L", "RGB"), {"quality": 95, "subsampling": 0, "optimize": True})
_TIFF = _Format("TIFF", _ALL, {"compression": "tiff_lzw"})
# `exact` keeps the colours of pixels that are wholly transparent.
_WEBP = _Format("WEBP", ("RGB", "RGBA"), {"lossless": True, "exact": True}, feature="webp")
# Quality 100 loses only what the conversion to YCbCr rounds: grey and alpha are exact.
_AVIF = _Format(
    "AVIF", ("L", "RGB", "RGBA"), {"quality": 100, "subsampling": "4:4:4"}, feature="avif"
)
_FORMATS = {
    ".png": _Format("PNG", _ALL),
    ".webp": _WEBP,
    ".tif": _TIFF,
    ".tiff": _TIFF,
    ".bmp": _Format("BMP", ("L", "RGB"), holds_metadata=False),
    ".ppm": _Format("PPM", ("RGB",), holds_metadata=False),
    ".pgm": _Format("PPM", ("L",), holds_metadata=False),
    ".avif": _AVIF,
    ".jpg": _JPEG,
    ".jpeg": _JPEG,
}
OUTPUT_SUFFIXES = tuple(_FORMATS)


def encode_picture(picture: Picture, suffix: str) -> bytes:
    """A picture file's bytes.

    PNG, TIFF, WebP, BMP, PPM and PGM hold the pixels exactly (WebP and PPM hold grey as RGB);
    TIFF is compressed (LZW) unless there is EXIF data.
    JPEG (quality 95, 4:4:4) and AVIF (quality 100, 4:4:4: grey and alpha exact, a few 255ths off
    in colours) come near. Where the format has no alpha the picture is laid on white.

    Args:
      picture: what to write; its profile and EXIF go along where the format takes them.
      suffix: one of `OUTPUT_SUFFIXES`, in any case.

    Raises:
      ImageError: an unknown suffix, colours in a PGM file, or more pixels or metadata than the
        format allows.

    Warns:
      PictureWarning: alpha or metadata that the format has no place for.
    """
    target = _FORMATS[check_output_suffix(suffix)]
    notes: list[str] = []
    image = _fitted(picture, target, suffix, notes)
    options = _options(picture, target, image.mode, notes)
    buffer = io.BytesIO()
    try:
        image.save(buffer, target.name, **options)
    # Too many pixels is an OSError or a ValueError; damaged metadata can be nearly anything.
    except Exception as error:
        raise ImageError(
            f"a picture of {image.width} x {image.height} pixels cannot be written as "
            f"{target.name}: {error}"
        ) from error
    for note in notes:
        warnings.warn(PictureWarning(f"{suffix}: {note}"), stacklevel=2)
    return buffer.getvalue()


def encode_image(array: np.ndarray, suffix: str) -> bytes:
    """`encode_picture` of bare pixels, uint8 of any shape that `Picture` takes."""
    return encode_picture(Picture(array), suffix)


def check_output_suffix(suffix: str) -> str:
    """`suffix` in lower case; ImageError unless pictures can be written with it."""
    target = _FORMATS.get(suffix.lower())
    if target is None:
        raise ImageError(
            f"cannot write pictures as {suffix!r}; choices: {', '.join(OUTPUT_SUFFIXES)}"
        )
    if target.feature and not features.check(target.feature):
        raise ImageError(f"cannot write {suffix}: this Pillow was built without {target.name}")
    return suffix.lower()


def _fitted(picture: Picture, target: _Format, suffix: str, notes: list[str]) -> Image.Image:
    """The picture in a mode that the format holds."""
    pixels, mode = picture.pixels, picture.mode
    if mode.endswith("A") and not any(choice.endswith("A") for choice in target.modes):
        notes.append("the format has no transparency; the picture was laid on white")
        pixels, mode = on_white(pixels), mode.removesuffix("A")
    image = Image.fromarray(pixels)
    if mode in target.modes:
        return image
    wider = {"L": "RGB", "LA": "RGBA"}.get(mode)
    if wider not in target.modes:
        raise ImageError(f"{suffix} holds grey pictures only; .ppm and .png hold colours")
    return image.convert(wider)


def _options(picture: Picture, target: _Format, mode: str, notes: list[str]) -> dict:
    """Pillow's options for this picture in this format."""
    options = target.options | _metadata(picture, target, mode, notes)
    if target is _AVIF and mode == "L":
        options["subsampling"] = "4:0:0"  # no colour planes, so that it is read as grey again
    if target is _TIFF and "exif" in options:
        del options["compression"]  # Pillow's compressed TIFF files cannot hold an EXIF directory
    return options


def _metadata(picture: Picture, target: _Format, mode: str, notes: list[str]) -> dict[str, bytes]:
    profile, exif = picture.icc_profile, picture.exif
    if (profile or exif) and not target.holds_metadata:
        notes.append("the format holds no ICC profile and no EXIF data; they were left out")
        return {}
    # Bytes 16 to 19 of a profile say for which colours it is (ICC.1:2022, 7.2.6).
    if profile and profile[16:20] == b"GRAY" and mode in ("RGB", "RGBA"):
        notes.append("the format holds no grey; the ICC profile, one for grey, was left out")
        profile = None
    exif = exif and exif.removeprefix(PREFIX)
    if exif and target.name == "JPEG":
        exif = PREFIX + exif
    return {key: value for key, value in (("icc_profile", profile), ("exif", exif)) if value}
