"""What a picture is here: 8-bit pixels, and the metadata that travels with them."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

_STRIP_PIXELS = 2**20
_CHANNELS = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}


class ImageError(ValueError):
    """A file is no picture, is damaged, or cannot be written in the format asked for."""


class PictureWarning(UserWarning):
    """Something of a picture was left out: further pages, transparency, a broken profile."""


@dataclass(frozen=True, eq=False)
class Picture:
    """A picture in memory, the way up that it is to be shown.

    Raises:
      ValueError: `pixels` are not of one of these shapes, are empty, or are not uint8.
    """

    pixels: np.ndarray
    """uint8: (H, W) grey, (H, W, 2) grey and alpha, (H, W, 3) RGB, (H, W, 4) RGBA. Alpha is
    straight (colours are not multiplied by it); 0 is transparent."""
    icc_profile: bytes | None = None
    """What the pixels' numbers mean; None means sRGB."""
    exif: bytes | None = None
    """A TIFF block, without the prefix `Exif\\0\\0` of JPEG files and without an orientation."""

    def __post_init__(self) -> None:
        """Checks the pixels."""
        shape = self.pixels.shape
        is_picture = len(shape) == 2 or (len(shape) == 3 and shape[2] in (2, 3, 4))
        if not is_picture or 0 in shape or self.pixels.dtype != np.uint8:
            raise ValueError(
                "a picture is a uint8 array of shape (H, W), (H, W, 2), (H, W, 3) or (H, W, 4), "
                f"not {self.pixels.dtype} {shape}"
            )

    @property
    def mode(self) -> str:
        """Pillow's name for the kind of pixels: L, LA, RGB or RGBA."""
        return _CHANNELS[1 if self.pixels.ndim == 2 else self.pixels.shape[2]]


def row_strips(height: int, width: int) -> Iterator[slice]:
    """Slices of rows, of about a million pixels each, that make up a picture from the top.

    Work on a large picture goes strip by strip, so that what it needs besides its result is small.
    """
    rows = max(1, _STRIP_PIXELS // width)
    for top in range(0, height, rows):
        yield slice(top, min(top + rows, height))


def on_white(pixels: np.ndarray) -> np.ndarray:
    """A picture with alpha laid on white.

    Args:
      pixels: uint8 (H, W, 2) or (H, W, 4), alpha last.

    Returns:
      uint8 (H, W) or (H, W, 3).
    """
    height, width, channels = pixels.shape
    laid = np.empty((height, width, channels - 1), np.uint8)
    for rows in row_strips(height, width):
        colour = pixels[rows, :, :-1].astype(np.uint16)
        alpha = pixels[rows, :, -1:].astype(np.uint16)
        # At most 255 * 255 + 127, which 16 bits hold; 127 rounds to the nearest.
        laid[rows] = (colour * alpha + 255 * (255 - alpha) + 127) // 255
    return laid[..., 0] if channels == 2 else laid
