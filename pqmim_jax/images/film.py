"""A film: pictures side by side, each with a line of text below it."""

import math
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

_GAP = 12  # pixels between panels
_TEXT_HEIGHT = 26
_FONT_SIZE = 15
_LARGEST_ROW = 1600  # pixels; further panels begin a new row


def draw_film(panels: Sequence[tuple[np.ndarray, str]], width: int) -> np.ndarray:
    """Panels in rows, on white.

    Args:
      panels: pictures uint8 (H, W) or (H, W, 2 to 4), and their captions.
      width: of a panel in pixels; smaller pictures stay as they are.

    Returns:
      uint8 (H', W', 3).
    """
    pictures = [_panel(pixels, width) for pixels, _ in panels]
    font = ImageFont.load_default(_FONT_SIZE)
    widest_caption = max(math.ceil(font.getlength(caption)) for _, caption in panels)
    step_x = max(widest_caption, *(picture.width for picture in pictures)) + _GAP
    step_y = max(picture.height for picture in pictures) + _TEXT_HEIGHT + _GAP
    rows = -(-len(panels) // max(1, _LARGEST_ROW // step_x))
    columns = -(-len(panels) // rows)
    sheet = Image.new("RGB", (columns * step_x + _GAP, rows * step_y + _GAP), "white")
    draw = ImageDraw.Draw(sheet)
    for i, (picture, (_, caption)) in enumerate(zip(pictures, panels, strict=True)):
        x, y = _GAP + i % columns * step_x, _GAP + i // columns * step_y
        sheet.paste(picture, (x, y))
        draw.text((x, y + picture.height + 4), caption, fill="black", font=font)
    return np.asarray(sheet)


def _panel(pixels: np.ndarray, width: int) -> Image.Image:
    image = Image.fromarray(pixels)
    if image.mode in ("LA", "RGBA"):
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image.convert("RGBA"))
    image = image.convert("RGB")
    if image.width <= width:
        return image
    height = max(1, round(image.height * width / image.width))
    return image.resize((width, height), Image.Resampling.LANCZOS)
