"""From an encoded picture to pixels: one decoder for files and for data set records."""

import contextlib
import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageOps

_ORIENTATION = 0x0112  # EXIF tag; 1 = the picture is stored upright
_JPEG_FACTORS = (8, 4, 2)  # that libjpeg can shrink by while it decodes


class DataError(ValueError):
    """A data source is missing, empty, misspelled or holds an undecodable picture."""


class Window(NamedTuple):
    """A rectangle of a picture, in pixels; not empty."""

    top: int
    left: int
    height: int
    width: int


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
    file = io.BytesIO(data) if isinstance(data, bytes) else data
    with _naming(name or _name(data)), Image.open(file) as opened:
        ImageOps.exif_transpose(opened, in_place=True)
        pixels = _rgb(opened)
    pixels.flags.writeable = False
    return pixels


class EncodedPicture:
    """A picture of which only one window is wanted, decoded only as far as that needs.

    Of an upright RGB JPEG, 1/2, 1/4 or 1/8 of the resolution is decoded (the scaled inverse DCT
    of libjpeg) where that still has all the pixels asked for; its pixels then differ slightly from
    those of the whole picture, shrunk. Every other picture is decoded whole, with pixels equal to
    those of `resize_window(decode_image(...), ...)`.
    """

    def __init__(self, data: str | os.PathLike | bytes, name: str | None = None):
        """Reads the header, and whole pictures that are not upright RGB JPEGs.

        Args:
            data: path of a picture file, or the file's bytes.
            name: what to call the picture in an error; the path by default.

        Raises:
            DataError: the picture cannot be decoded; names it.
        """
        self._name = name or _name(data)
        with _naming(self._name):
            self._data = data if isinstance(data, bytes) else Path(data).read_bytes()
            opened = Image.open(io.BytesIO(self._data))
            scalable = (
                opened.format == "JPEG"
                and opened.mode == "RGB"
                and opened.getexif().get(_ORIENTATION, 1) == 1
            )
        self._whole = None if scalable else decode_image(self._data, self._name)
        self._opened = opened if scalable else None
        self.shape = (opened.height, opened.width, 3) if scalable else self._whole.shape

    def resize_window(self, window: Window, height: int, width: int) -> np.ndarray:
        """A window of the picture, resized to uint8 (height, width, 3).

        Raises:
            DataError: the picture cannot be decoded; names it.
        """
        if self._whole is not None:
            return resize_window(self._whole, window, height, width)
        with _naming(self._name):
            # Parsing a header takes a while and holds up other threads; only a second window has
            # to do it again, as Pillow decodes an opened file once.
            opened, self._opened = self._opened or Image.open(io.BytesIO(self._data)), None
            return _resize_jpeg_window(opened, window, height, width)


def resize_window(
    picture: np.ndarray | EncodedPicture, window: Window, height: int, width: int
) -> np.ndarray:
    """A window of a picture, resized to uint8 (height, width, 3).

    Args:
        picture: uint8 (H, W, 3), or not yet decoded.
        window: inside the picture.
        height: of the result, in pixels.
        width: of the result, in pixels.
    """
    if isinstance(picture, EncodedPicture):
        return picture.resize_window(window, height, width)
    top, left, rows, columns = window
    cut = picture[top : top + rows, left : left + columns]
    if (rows, columns) == (height, width):
        return cut
    image = Image.fromarray(np.ascontiguousarray(cut))
    return np.asarray(image.resize((width, height), Image.Resampling.BICUBIC))


def _resize_jpeg_window(image: Image.Image, window: Window, height: int, width: int) -> np.ndarray:
    """Like `resize_window`, of an opened JPEG whose pixels are not loaded yet."""
    full_width, full_height = image.size
    top, left, rows, columns = window
    fits = [f for f in _JPEG_FACTORS if rows >= f * height and columns >= f * width]
    if fits:
        image.draft(None, (full_width // fits[0], full_height // fits[0]))
        box = tuple(edge / fits[0] for edge in (left, top, left + columns, top + rows))
        return np.asarray(image.resize((width, height), Image.Resampling.BICUBIC, box=box))
    cut = image.crop((left, top, left + columns, top + rows))
    return np.asarray(cut.resize((width, height), Image.Resampling.BICUBIC))


@contextlib.contextmanager
def _naming(name: str) -> Iterator[None]:
    """Turns whatever is raised inside into a DataError that names the picture."""
    try:
        yield
    # Broken files make Pillow's plugins raise nearly anything: OSError, SyntaxError, struct.error,
    # IndexError, DecompressionBombError, ... All of them mean the same to the caller.
    except Exception as error:
        raise DataError(f"cannot decode {name}: {error}") from error


def _name(data: str | os.PathLike | bytes) -> str:
    return "picture" if isinstance(data, bytes) else os.fspath(data)


def _rgb(image: Image.Image) -> np.ndarray:
    """A Pillow image as a uint8 array (H, W, 3) of its own memory."""
    if image.mode.startswith("I;16"):
        # Pillow would clip 16-bit grey at 255 instead of scaling it.
        grey = (np.asarray(image) >> 8).astype(np.uint8)
        return np.repeat(grey[..., None], 3, axis=2)
    if image.mode in ("I", "F"):
        raise ValueError(f"pixel mode {image.mode!r} has no fixed range; use 8 or 16 bits")
    return np.asarray(image if image.mode == "RGB" else image.convert("RGB"))
