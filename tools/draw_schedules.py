"""Draws every spatial schedule on a 16 x 16 grid: python tools/draw_schedules.py [OUTPUT.png]."""

import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from pqmim_jax.masking import canonical, stage_map

SPECS = (
    "one_shot",
    "checkerboard",
    "raster",
    "quincunx(levels=3)",
    "qlds(stages=8,alpha=2.2)",
    "random(stages=8,alpha=2.2)",
)
SIDE = 16  # positions along each side of the drawn grid
CELL = 20  # pixels
PANEL = SIDE * CELL
GAP = 36
TITLE = 30
LEGEND = 44
COLUMNS = 3
INK = (32, 32, 36)
# Dark to light: five stops of the viridis colour map (van der Walt and Smith 2015).
STOPS = np.array([(68, 1, 84), (59, 82, 139), (33, 145, 140), (94, 201, 98), (253, 231, 37)])


def stage_colour(stage: int, count: int) -> tuple[int, int, int]:
    at = 0 if count == 1 else stage / (count - 1) * (len(STOPS) - 1)
    stops = range(len(STOPS))
    return tuple(round(float(np.interp(at, stops, channel))) for channel in STOPS.T)


def text_colour(background: tuple[int, int, int]) -> tuple[int, int, int]:
    luma = np.dot(background, (0.299, 0.587, 0.114))
    return INK if luma > 120 else (255, 255, 255)


def draw_grid(draw: ImageDraw.ImageDraw, stages: np.ndarray, left: int, top: int) -> None:
    count = int(stages.max()) + 1
    font = ImageFont.load_default(11 if count <= 100 else 9)
    for (row, column), stage in np.ndenumerate(stages):
        x, y = left + column * CELL, top + row * CELL
        colour = stage_colour(int(stage), count)
        draw.rectangle((x, y, x + CELL - 2, y + CELL - 2), fill=colour)
        centre = (x + CELL / 2 - 1, y + CELL / 2 - 1)
        draw.text(centre, str(stage), font=font, fill=text_colour(colour), anchor="mm")


def draw_legend(draw: ImageDraw.ImageDraw, stages: np.ndarray, left: int, top: int) -> None:
    """Draws a strip of stage colours, and below each how many positions are known after it."""
    known = np.cumsum(np.bincount(stages.ravel()))
    count = len(known)
    shown = range(count) if count <= 8 else np.linspace(0, count - 1, 6).astype(int)
    width = 40
    font = ImageFont.load_default(11)
    draw.text((left, top), "stage", font=font, fill=INK)
    draw.text((left, top + 18), "known", font=font, fill=INK)
    for place, stage in enumerate(shown):
        x = left + width + place * 34
        colour = stage_colour(int(stage), count)
        draw.rectangle((x, top - 1, x + 32, top + 14), fill=colour)
        label = {"font": font, "anchor": "mm"}
        draw.text((x + 16, top + 7), str(stage), fill=text_colour(colour), **label)
        draw.text((x + 16, top + 25), str(known[stage]), fill=INK, **label)


def draw_schedules() -> Image.Image:
    rows = -(-len(SPECS) // COLUMNS)
    width = COLUMNS * (PANEL + GAP) + GAP
    height = rows * (TITLE + PANEL + LEGEND + GAP) + GAP
    image = Image.new("RGB", (width, height), "white")
    draw = ImageDraw.Draw(image)
    for place, spec in enumerate(SPECS):
        row, column = divmod(place, COLUMNS)
        left = GAP + column * (PANEL + GAP)
        top = GAP + row * (TITLE + PANEL + LEGEND + GAP)
        stages = stage_map(spec, (SIDE, SIDE, 1))[:, :, 0]
        draw.text((left, top), canonical(spec), font=ImageFont.load_default(18), fill=INK)
        draw_grid(draw, stages, left, top + TITLE)
        draw_legend(draw, stages, left, top + TITLE + PANEL + 8)
    return image


def main() -> None:
    default = Path(__file__).parent / "pictures" / "schedules.png"
    output = Path(sys.argv[1]) if len(sys.argv) > 1 else default
    output.parent.mkdir(parents=True, exist_ok=True)
    # A palette of 256 colours halves the file; the text's soft edges do not show it.
    draw_schedules().quantize(256).save(output, optimize=True)
    print(output)


if __name__ == "__main__":
    main()
