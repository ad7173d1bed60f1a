"""Picture files of any kind that Pillow reads safely, as 8-bit pixels."""

import io
import os
import re
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image, UnidentifiedImageError, features

from pqmim_jax.images.colour import Conversion, ProfileError, convert_colours, srgb_conversion
from pqmim_jax.images.exif import as_stored, exif_block, orientation
from pqmim_jax.images.modes import fix_colour_key, plain_mode, to_plain
from pqmim_jax.images.picture import ImageError, Picture, PictureWarning, on_white, row_strips
from pqmim_jax.limits import MAX_PIXELS

_NETPBM = (".pbm", ".pgm", ".ppm")
IMAGE_SUFFIXES = frozenset(
    (".avif", ".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp", *_NETPBM)
)
"""Files in a folder that count as pictures, by suffix in lower case."""

# Only these: others hand the file to other programs (EPS to Ghostscript), or have no signature.
_FORMATS = ("AVIF", "BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")

# Warning filters and Pillow's limit belong to the whole process: one reader at a time sets them.
_PILLOW_SETTINGS = threading.Lock()

Source = str | os.PathLike | bytes | BinaryIO


def read_picture(
    source: Source,
    *,
    keep_metadata: bool = False,
    name: str | None = None,
    max_pixels: int = MAX_PIXELS,
) -> Picture:
    """Reads a picture, the way up that its EXIF orientation says.

    Grey (also 1-bit) stays grey, transparency of any kind (an alpha channel, a palette, a colour
    key) becomes alpha, everything else becomes RGB. 16-bit grey v becomes round(v / 257); of
    16-bit colour Pillow keeps the high byte. Of an animation or a multi-page file the first frame
    is read, with a warning; the previews and depth maps that telephones append are passed over in
    silence. Besides Pillow's own copy and the result, memory for a few million pixels is used.

    Args:
      source: a path, a file's bytes, or an open binary file (read from where it stands).
      keep_metadata: false: colours become sRGB by the embedded ICC profile, and no metadata is
        kept. True: pixels stay as they are, and profile and EXIF (but for orientation and
        thumbnail) are kept; only CMYK and L*a*b* still become sRGB, and lose their profile.
      name: what errors and warnings call the picture (default: its path, or "picture").
      max_pixels: larger pictures are refused before their pixels are decoded.

    Raises:
      ImageError: not a picture in a known format, damaged, truncated or too large.
      OSError: the file cannot be opened.

    Warns:
      PictureWarning: there are further pages, or metadata is damaged and was ignored.
    """
    with _binary_file(source) as file:
        name = name or _name(source)
        notes: list[str] = []
        with (
            _errors_of(name, file, max_pixels),
            _pillow_settings(max_pixels),
            Image.open(file, formats=_FORMATS) as image,
        ):
            picture = _decode(image, keep_metadata, notes)
    for note in notes:
        warnings.warn(PictureWarning(f"{name}: {note}"), stacklevel=2)
    return picture


def read_image(source: Source) -> np.ndarray:
    """Reads a picture as plain RGB: grey repeated, transparency laid on white.

    Colour profiles are not applied, except to CMYK. Everything else is as in `read_picture`.

    Returns:
      uint8 (H, W, 3).
    """
    picture = read_picture(source, keep_metadata=True)
    pixels = on_white(picture.pixels) if picture.mode.endswith("A") else picture.pixels
    return np.repeat(pixels[..., None], 3, axis=2) if pixels.ndim == 2 else pixels


def _decode(image: Image.Image, keep_metadata: bool, notes: list[str]) -> Picture:
    """The first frame of an opened picture; `notes` gets a line for each warning."""
    fix_colour_key(image)
    mode = plain_mode(image)
    image.load()
    profile = image.info.get("icc_profile") or None
    is_converted = image.mode in ("CMYK", "LAB")
    conversion = None
    if profile and image.mode != "LAB" and (is_converted or not keep_metadata):
        conversion = _conversion(profile, mode.removesuffix("A"), notes)
    turn, exif = _exif(image, keep_metadata, notes)
    pixels = _pixels(image, mode, conversion, turn)
    # Last, as it leafs through the pages of a TIFF file.
    pages = _count_pages(image)
    if pages > 1:
        notes.append(f"only the first of its {pages} pages or frames is read")
    return Picture(pixels, profile if keep_metadata and not is_converted else None, exif)


def _pixels(image: Image.Image, mode: str, conversion: Conversion | None, turn: int) -> np.ndarray:
    """Pixels of a loaded picture, strip by strip, put where they are when it is upright."""
    width, height = image.size
    channels = {"L": (), "LA": (2,), "RGB": (3,), "CMYK": (3,), "RGBA": (4,)}[mode]
    upright = np.empty(((width, height) if turn >= 5 else (height, width)) + channels, np.uint8)
    stored = as_stored(upright, turn)
    for rows in row_strips(height, width):
        strip = to_plain(image.crop((0, rows.start, width, rows.stop)), mode)
        if conversion is not None:
            strip = convert_colours(strip, conversion)
        elif mode == "CMYK":
            strip = strip.convert("RGB")
        stored[rows] = np.asarray(strip)
    return upright


def _conversion(profile: bytes, mode: str, notes: list[str]) -> Conversion | None:
    try:
        return srgb_conversion(profile, mode)
    except ProfileError:
        notes.append("its ICC profile is damaged or of another kind, and was ignored")
        return None


def _exif(image: Image.Image, keep: bool, notes: list[str]) -> tuple[int, bytes | None]:
    """Orientation of a loaded picture, and its EXIF data if that is to be kept."""
    turn = 1
    try:
        exif = image.getexif()  # with the orientation of XMP where EXIF has none
        turn = orientation(exif)
        return turn, exif_block(exif) if keep else None
    except Exception:  # of nearly any kind; the pixels are good all the same
        if keep:
            notes.append("its EXIF data is damaged, and was left out")
        return turn, None


def _count_pages(image: Image.Image) -> int:
    # The further pictures of an MPO file, a JPEG file to most, are previews and depth maps.
    if image.format == "MPO":
        return 1
    try:
        return getattr(image, "n_frames", 1)
    except Exception:  # of nearly any kind; damage in a further page is no damage to the first
        return 1


@contextmanager
def _binary_file(source: Source) -> Iterator[BinaryIO]:
    """A file that can be sought in; only one opened here is closed."""
    if isinstance(source, str | os.PathLike):
        with Path(source).open("rb") as file:
            yield file
    else:
        is_bytes = isinstance(source, bytes | bytearray | memoryview)
        yield io.BytesIO(source if is_bytes else source.read())


def _name(source: Source) -> str:
    if isinstance(source, str | os.PathLike):
        return os.fspath(source)
    return str(getattr(source, "name", "picture"))


@contextmanager
def _pillow_settings(max_pixels: int) -> Iterator[None]:
    """Pillow without warnings of its own, and with this limit instead of its own."""
    with _PILLOW_SETTINGS, warnings.catch_warnings():
        # Oddities in metadata are no news. Only Pillow's, as other threads may warn meanwhile.
        warnings.filterwarnings("ignore", module=r"PIL\.")
        limit = Image.MAX_IMAGE_PIXELS
        Image.MAX_IMAGE_PIXELS = max_pixels / 2  # Pillow refuses what exceeds its limit twice over
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS = limit


@contextmanager
def _errors_of(name: str, file: BinaryIO, max_pixels: int) -> Iterator[None]:
    """Turns whatever Pillow raises into an ImageError of one line."""
    try:
        yield
    except UnidentifiedImageError:
        raise ImageError(f"{name}: {_why_unknown(file)}") from None
    except Image.DecompressionBombError as error:
        found = re.search(r"\d+", str(error))
        size = f"a picture of {found[0]} pixels" if found else "the picture"
        raise ImageError(
            f"{name}: {size} is above the limit of {max_pixels} (--max-pixels raises it)"
        ) from None
    # Damaged files make Pillow's plugins raise nearly anything: OSError, SyntaxError,
    # struct.error, IndexError, ...
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ImageError(f"{name}: cannot read the picture: {reason}") from error


def _why_unknown(file: BinaryIO) -> str:
    file.seek(0)
    start = file.read(12)
    if not start:
        return "the file is empty"
    if start[4:8] == b"ftyp" and start[8:12] in (b"avif", b"avis") and not features.check("avif"):
        return "an AVIF picture, and this Pillow was built without AVIF"
    return "not a picture in a known format (AVIF, BMP, GIF, JPEG, PNG, PPM, TIFF, WebP)"
