"""Schedules as pictures (PNG): a panel for each map, numbers in its cells, a legend below."""

import io

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from pqmim_jax.masking.panels import Panel, stage_colour, text_colour

_GAP = 36
_TITLE = 30
_LEGEND = 44
_COLUMNS = 3
_PANEL = 320  # pixels, at least
_CELLS = (6, 20)  # pixels: smallest and largest side of a position
_NUMBERED = 16  # cells from this side on have room for a number
_INK = (32, 32, 36)


def draw_panels(panels: list[Panel]) -> bytes:
    """A PNG file with all panels, three a row.

    Raises:
      ValueError: no panels, or a picture of more than 2**26 pixels.
    """
    if not panels:
        raise ValueError("nothing to draw")
    rows = [panels[i : i + _COLUMNS] for i in range(0, len(panels), _COLUMNS)]
    column = _GAP + max(_width(panel) for panel in panels)
    heights = [max(_height(panel) for panel in row) + _GAP for row in rows]
    size = (column * len(rows[0]) + _GAP, sum(heights) + _GAP)
    if size[0] * size[1] > 2**26:
        raise ValueError(f"a picture of {size[0]} x {size[1]} pixels is too large to draw")
    image = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(image)
    for place, row in enumerate(rows):
        for number, panel in enumerate(row):
            _draw_panel(draw, panel, _GAP + number * column, _GAP + sum(heights[:place]))
    file = io.BytesIO()
    # A palette of 256 colours halves the file; the text's soft edges do not show it.
    image.quantize(256).save(file, "PNG", optimize=True)
    return file.getvalue()


def _cell(panel: Panel) -> int:
    low, high = _CELLS
    return min(high, max(low, _PANEL // max(panel.stages.shape)))


def _width(panel: Panel) -> int:
    title = ImageFont.load_default(18).getlength(panel.title)
    return max(_PANEL, panel.stages.shape[1] * _cell(panel), int(title) + 1)


def _height(panel: Panel) -> int:
    return _TITLE + panel.stages.shape[0] * _cell(panel) + _LEGEND


def _draw_panel(draw: ImageDraw.ImageDraw, panel: Panel, left: int, top: int) -> None:
    draw.text((left, top), panel.title, font=ImageFont.load_default(18), fill=_INK)
    _draw_grid(draw, panel, left, top + _TITLE)
    _draw_legend(draw, panel.known, left, top + _height(panel) - _LEGEND + 8)


def _draw_grid(draw: ImageDraw.ImageDraw, panel: Panel, left: int, top: int) -> None:
    count, cell = len(panel.known), _cell(panel)
    font = ImageFont.load_default(11 if count <= 100 else 9)
    for (row, column), stage in np.ndenumerate(panel.stages):
        x, y = left + column * cell, top + row * cell
        colour = stage_colour(int(stage), count)
        draw.rectangle((x, y, x + cell - 2, y + cell - 2), fill=colour)
        if cell >= _NUMBERED and count <= 1000:
            centre = (x + cell / 2 - 1, y + cell / 2 - 1)
            draw.text(centre, str(stage), font=font, fill=text_colour(colour), anchor="mm")


def _draw_legend(draw: ImageDraw.ImageDraw, known: np.ndarray, left: int, top: int) -> None:
    """Draws a strip of stage colours, and below each how many indices are known after it."""
    count = len(known)
    shown = range(count) if count <= 8 else np.linspace(0, count - 1, 6).astype(int)
    width = 40
    font = ImageFont.load_default(11)
    draw.text((left, top), "stage", font=font, fill=_INK)
    draw.text((left, top + 18), "known", font=font, fill=_INK)
    for place, stage in enumerate(shown):
        x = left + width + place * 34
        colour = stage_colour(int(stage), count)
        draw.rectangle((x, top - 1, x + 32, top + 14), fill=colour)
        label = {"font": font, "anchor": "mm"}
        draw.text((x + 16, top + 7), str(stage), fill=text_colour(colour), **label)
        draw.text((x + 16, top + 25), str(known[stage]), fill=_INK, **label)
