"""Pages to send through a codec: text, and what looks like a screen."""

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from pqmim_jax.data.synthetic import radial_gradient

PARAGRAPH = (
    "A picture is cut into squares of sixteen pixels a side, and each of them is described by a "
    "few numbers between 0 and 255. What is likely is said in few bits, what is not takes more: "
    'if (x[i] != y[j]) { return "12,345.67 km/h"; }  # 8 > 6 & 3 < 9. The quick brown fox jumps '
    "over the lazy dog; PACK MY BOX WITH FIVE DOZEN LIQUOR JUGS?"
)


def pages(height: int, width: int) -> dict[str, np.ndarray]:
    """Text and what looks like a screen, by name: uint8 (height, width, 3), 512 x 768 or more."""
    return {
        "text, dark on light": text(height, width, "#ffffff", "#000000"),
        "text, light on dark": text(height, width, "#1e2024", "#e1e1dc"),
        "text, coloured": text(height, width, "#0b3d91", "#ffd21f"),
        "screen": screen(height, width),
    }


def text(height: int, width: int, paper: str, ink: str) -> np.ndarray:
    """A paragraph in letters of 24, 18, 14 and 11 pixels."""
    image = Image.new("RGB", (width, height), paper)
    draw, top = ImageDraw.Draw(image), 8
    for size in (24, 18, 14, 11):
        top = write(draw, (12, top, width - 12), size, ink) + size
    return np.asarray(image)


def screen(height: int, width: int) -> np.ndarray:
    """A window with a title, a list, a page of text, a picture and buttons."""
    image = Image.new("RGB", (width, height), "#f3f4f6")
    draw = ImageDraw.Draw(image)
    font, side = ImageFont.load_default(13), width // 4
    draw.rectangle((0, 0, width, 31), fill="#24292f")
    draw.text((12, 8), "report.txt - Editor", fill="#ffffff", font=font)
    draw.rectangle((0, 32, side, height), fill="#e4e7eb")
    for row, word in enumerate(PARAGRAPH.split()[: (height - 40) // 22]):
        top = 40 + 22 * row
        if row == 3:
            draw.rectangle((0, top - 3, side, top + 18), fill="#0969da")
        draw.text((12, top), word, fill="#ffffff" if row == 3 else "#24292f", font=font)
    draw.rectangle((side + 12, 44, width - 12, height - 56), fill="#ffffff", outline="#d0d7de")
    bottom = write(draw, (side + 24, 54, width - 24), 13, "#1f2328")
    bottom = write(draw, (side + 24, bottom + 8, width - 24), 11, "#cf222e")
    room = (height - 78 - bottom, width - side - 48)
    picture = radial_gradient(*room, (0.3, 0.7), (255, 221, 128), (32, 64, 160))
    image.paste(Image.fromarray(picture), (side + 24, bottom + 10))
    for right, word, fill in ((width - 12, "Save", "#1a7f37"), (width - 112, "Close", "#6e7781")):
        box = (right - 88, height - 42, right, height - 14)
        draw.rounded_rectangle(box, 6, fill=fill)
        draw.text((right - 62, height - 36), word, fill="#ffffff", font=font)
    return np.asarray(image)


def write(draw: ImageDraw.ImageDraw, box: tuple[int, int, int], size: int, ink: str) -> int:
    """The paragraph, broken into lines: left, top and right in pixels; returns its bottom."""
    left, top, right = box
    font, line = ImageFont.load_default(size), ""
    for word in [*PARAGRAPH.split(" "), None]:
        longer = f"{line} {word}".strip()
        if word is not None and font.getlength(longer) <= right - left:
            line = longer
            continue
        draw.text((left, top), line, fill=ink, font=font)
        line, top = word, top + round(1.3 * size)
    return top
