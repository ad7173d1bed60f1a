"""From an encoded picture to pixels: one decoder for files and for data set records."""

import io
import os

import numpy as np
from PIL import Image, ImageOps


class DataError(ValueError):
    """A data source is missing, empty, misspelled or holds an undecodable picture."""


def decode_image(data: str | os.PathLike | bytes, name: str | None = None) -> np.ndarray:
    """Decodes a picture to RGB, the way up its EXIF orientation says.

    Grey, palette, CMYK and 16-bit grey pictures become 8-bit RGB; an alpha channel is dropped;
    of an animation the first frame is taken.

    Args:
        data: path of a picture file, or the file's bytes.
        name: what to call the picture in an error; the path by default.

    Returns:
        uint8 array (H, W, 3), read-only (it may be shared by a cache).

    Raises:
        DataError: the picture cannot be decoded; names it.
    """
    try:
        with Image.open(io.BytesIO(data) if isinstance(data, bytes) else data) as opened:
            pixels = _rgb(ImageOps.exif_transpose(opened))
    # Broken files make Pillow's plugins raise nearly anything: OSError, SyntaxError, struct.error,
    # IndexError, DecompressionBombError, ... All of them mean the same to the caller.
    except Exception as error:
        name = name or (os.fspath(data) if not isinstance(data, bytes) else "picture")
        raise DataError(f"cannot decode {name}: {error}") from error
    pixels.flags.writeable = False
    return pixels


def _rgb(image: Image.Image) -> np.ndarray:
    """A Pillow image as a uint8 array (H, W, 3) of its own memory."""
    if image.mode.startswith("I;16"):
        # Pillow would clip 16-bit grey at 255 instead of scaling it.
        grey = (np.asarray(image) >> 8).astype(np.uint8)
        return np.repeat(grey[..., None], 3, axis=2)
    if image.mode in ("I", "F"):
        raise ValueError(f"pixel mode {image.mode!r} has no fixed range; use 8 or 16 bits")
    return np.array(image.convert("RGB"))
