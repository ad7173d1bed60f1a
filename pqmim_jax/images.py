"""Picture files: read as 8-bit RGB, encoded by suffix, written whole or not at all."""

import io
import os
import secrets
import warnings
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

IMAGE_SUFFIXES = frozenset(
    [".avif", ".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"]
)
"""Files in a folder that count as pictures, by suffix in lower case."""

# Lossless wherever the format can be; JPEG as near to it as it comes.
_JPEG = ("JPEG", {"quality": 95, "subsampling": 0, "optimize": True})
_TIFF = ("TIFF", {"compression": "tiff_lzw"})
_WRITERS = {
    ".png": ("PNG", {}),
    ".webp": ("WEBP", {"lossless": True}),
    ".tif": _TIFF,
    ".tiff": _TIFF,
    ".bmp": ("BMP", {}),
    ".ppm": ("PPM", {}),
    ".jpg": _JPEG,
    ".jpeg": _JPEG,
}
OUTPUT_SUFFIXES = tuple(_WRITERS)


class ImageError(ValueError):
    """A file is no picture, is damaged, or cannot be written in the format asked for."""


def read_image(source: str | os.PathLike | BinaryIO) -> np.ndarray:
    """Reads a picture, the way up that its EXIF orientation says.

    Palette, grey, CMYK and YCbCr pictures become RGB; transparency is laid on white; 16-bit
    grey v becomes round(v / 257), so that 65535 is 255. Of an animation or a multi-page file the
    first frame is read. Colour profiles are not applied.

    Args:
      source: a path, or an open binary file.

    Returns:
      uint8 (H, W, 3).

    Raises:
      ImageError: not a picture, truncated, or too large to be decoded safely; names the file.
      OSError: the file cannot be read at all.
    """
    if isinstance(source, str | os.PathLike):
        name, data = os.fspath(source), Path(source).read_bytes()
    else:
        name, data = str(getattr(source, "name", "picture")), source.read()
    if not data:
        raise ImageError(f"{name}: the file is empty")
    try:
        with warnings.catch_warnings():
            # Oddities in metadata, and sizes between half the limit and the limit, are fine.
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(data)) as opened:
                return _rgb(ImageOps.exif_transpose(opened))
    except UnidentifiedImageError:
        raise ImageError(f"{name}: not a picture in a known format") from None
    # Damaged files make Pillow's plugins raise nearly anything: OSError, SyntaxError,
    # struct.error, IndexError, DecompressionBombError, ...
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ImageError(f"{name}: cannot read the picture: {reason}") from error


def encode_image(array: np.ndarray, suffix: str) -> bytes:
    """A picture file's bytes; lossless unless the format is JPEG (quality 95, 4:4:4).

    Args:
      array: uint8 (H, W, 3).
      suffix: one of `OUTPUT_SUFFIXES`, in any case.

    Raises:
      ImageError: an unknown suffix, or a picture larger than the format allows.
    """
    format_name, options = _WRITERS[check_output_suffix(suffix)]
    buffer = io.BytesIO()
    try:
        Image.fromarray(array).save(buffer, format_name, **options)
    except (OSError, ValueError) as error:
        raise ImageError(
            f"a picture of {array.shape[1]} x {array.shape[0]} pixels cannot be written as "
            f"{format_name}: {error}"
        ) from error
    return buffer.getvalue()


def check_output_suffix(suffix: str) -> str:
    """`suffix` in lower case; ImageError unless it is one of `OUTPUT_SUFFIXES`."""
    if suffix.lower() not in _WRITERS:
        raise ImageError(
            f"cannot write pictures as {suffix!r}; choices: {', '.join(OUTPUT_SUFFIXES)}"
        )
    return suffix.lower()


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


def _rgb(image: Image.Image) -> np.ndarray:
    if image.mode == "I" or image.mode.startswith("I;16"):
        return _from_16_bit_grey(np.asarray(image))
    if image.mode == "F":
        raise ValueError("floating-point samples have no fixed range; use 8 or 16 bits")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image)
    return np.array(image.convert("RGB"))


def _from_16_bit_grey(samples: np.ndarray) -> np.ndarray:
    samples = samples.astype(np.int64)
    if samples.min() < 0 or samples.max() > 65535:
        raise ValueError("32-bit samples have no fixed range; use 8 or 16 bits")
    grey = ((samples + 128) // 257).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=2)
