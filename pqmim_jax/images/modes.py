"""Pillow's many kinds of pixels, brought down to five: L, LA, RGB, RGBA and CMYK."""

import numpy as np
from PIL import Image

_PLAIN = {
    "1": "L",
    "L": "L",
    "LA": "LA",
    "La": "LA",
    "P": "RGB",
    "PA": "RGBA",
    "RGB": "RGB",
    "RGBX": "RGB",
    "RGBA": "RGBA",
    "RGBa": "RGBA",
    "YCbCr": "RGB",
    "LAB": "RGB",
    "HSV": "RGB",
    "CMYK": "CMYK",
    "I": "L",
    "I;16": "L",
    "I;16L": "L",
    "I;16B": "L",
    "I;16N": "L",
}


def fix_colour_key(image: Image.Image) -> None:
    """Brings the transparent colour of a PNG file to the depth of its pixels; before `load`.

    Pillow widens samples of 2 and 4 bits to 8, and keeps the high byte of 16-bit colours, but
    leaves the key in tRNS as it is, so that it would match no pixel or the wrong ones. Of a
    16-bit key, the colours that share its high bytes become transparent.
    """
    key = image.info.get("transparency")
    if image.format != "PNG" or key is None or not image.tile:
        return
    raw_mode = image.tile[0][3]
    if raw_mode in ("L;2", "L;4"):
        image.info["transparency"] = key * {"L;2": 85, "L;4": 17}[raw_mode]
    elif raw_mode == "RGB;16B":
        image.info["transparency"] = tuple(sample >> 8 for sample in key)


def plain_mode(image: Image.Image) -> str:
    """Which of L, LA, RGB, RGBA and CMYK holds a picture; LA and RGBA where anything is clear.

    Raises:
      ValueError: samples without a fixed range (Pillow's mode F), or a mode not known here.
    """
    if image.mode == "F":
        raise ValueError("floating-point samples have no fixed range; use 8 or 16 bits")
    if image.mode not in _PLAIN:
        raise ValueError(f"pixels of mode {image.mode}; modes: {', '.join(_PLAIN)}")
    plain = _PLAIN[image.mode]
    return plain + "A" if plain in ("L", "RGB") and image.has_transparency_data else plain


def to_plain(image: Image.Image, mode: str) -> Image.Image:
    """A picture in the mode that `plain_mode` chose for it.

    16-bit grey v becomes round(v / 257), so that 65535 is 255.

    Raises:
      ValueError: 32-bit samples outside 0..65535.
    """
    if image.mode == "I" or image.mode.startswith("I;16"):
        return _from_16_bit_grey(np.asarray(image), image.info.get("transparency"))
    return image if image.mode == mode else image.convert(mode)


def _from_16_bit_grey(samples: np.ndarray, key: int | None) -> Image.Image:
    samples = samples.astype(np.int64)
    if samples.min() < 0 or samples.max() > 65535:
        raise ValueError("32-bit samples have no fixed range; use 8 or 16 bits")
    grey = Image.fromarray(((samples + 128) // 257).astype(np.uint8))
    if key is not None:
        grey.putalpha(Image.fromarray(np.where(samples == key, 0, 255).astype(np.uint8)))
    return grey
