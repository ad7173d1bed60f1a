"""Synthetic pictures: flat colours, gradients, shapes and text, which photographs hardly hold.

What a codec never saw in training it gets wrong: saturated colours, areas without any noise,
edges as sharp as a screen's. All of this is ours.
"""

import itertools
import math
import string

import numpy as np
from numpy.typing import ArrayLike
from PIL import Image, ImageDraw, ImageFont

from pqmim_jax.data.augment import Augmentation, Picture

_FAINT = 40  # levels that the colours of a faint gradient, as of a sky, may lie apart
_GRID = (0, 64, 128, 191, 255)  # levels of the channels of flat pictures
_MOST_SHAPES = 12
_SHAPE_EXTENTS = (0.01, 0.6)  # half the width of a shape, in widths of the picture
_FONT_SIZES = (8, 48)  # pixels
_LINE_HEIGHT = 1.3  # font sizes
_TINT = 64  # levels that ink or paper may be off black or white
_OTHER_INK = 0.2  # share of the lines of a page in another colour
# Mostly lower-case letters and spaces, as in any text.
_CHARACTERS = list(
    4 * string.ascii_lowercase + string.ascii_uppercase + string.digits + string.punctuation
)
_CHARACTERS += len(_CHARACTERS) // 5 * [" "]


def with_synthetic(augment: Augmentation, size: int, share: float) -> Augmentation:
    """An augmentation that now and then lets a synthetic picture take the place of the crop.

    Args:
        augment: of photographs.
        size: side of its crops in pixels.
        share: probability of a synthetic picture, in [0, 1]. With 0 the result is `augment`
            itself, which no random number is drawn for.

    Raises:
        ValueError: the share is out of range.
    """
    if not 0 <= share <= 1:
        raise ValueError(f"synthetic_share must be in [0, 1], got {share}")
    if share == 0:
        return augment

    def augment_or_draw(image: Picture, rng: np.random.Generator) -> np.ndarray:
        return synthetic_picture(size, rng) if rng.random() < share else augment(image, rng)

    return augment_or_draw


def synthetic_picture(size: int, rng: np.random.Generator) -> np.ndarray:
    """A flat colour, a gradient, shapes or text, one as likely as the other.

    Every colour, of whatever kind of picture, is with probability 1/3 each a grey, a corner of
    the RGB cube, and any colour.

    Args:
        size: side in pixels, >= 1.
        rng: what all of it comes from.

    Returns:
        uint8 (size, size, 3).
    """
    draw = (_flat, _gradient, _shapes, _text)[rng.integers(4)]
    return draw(size, rng)


def flat_pictures(size: int) -> np.ndarray:
    """125 colours on a grid over the RGB cube, its corners among them.

    Args:
        size: side in pixels, >= 1.

    Returns:
        uint8 (125, size, size, 3).
    """
    colours = np.array(list(itertools.product(_GRID, repeat=3)), np.uint8)
    return np.tile(colours[:, None, None], (1, size, size, 1))


def linear_gradient(
    height: int, width: int, angle: float, start: ArrayLike, end: ArrayLike
) -> np.ndarray:
    """From one colour to another along a direction.

    Args:
        height, width: in pixels.
        angle: of the direction, in radians: 0 is to the right, pi / 2 downwards.
        start, end: RGB in [0, 255] of the first pixels in that direction, and of the last.

    Returns:
        uint8 (height, width, 3); as of the other gradients, every pixel is the nearest level.
    """
    # Rounded, so that a right angle is one: else pixels of a row may be rounded differently.
    right, down = np.round([math.cos(angle), math.sin(angle)], 9)
    y, x = np.ogrid[:height, :width]
    return _rounded(_blend(_from_0_to_1(right * x + down * y), start, end))


def radial_gradient(
    height: int, width: int, centre: tuple[float, float], start: ArrayLike, end: ArrayLike
) -> np.ndarray:
    """From one colour to another by the distance from a point.

    Args:
        height, width: in pixels.
        centre: (y, x) in heights and widths of the picture, which it may lie outside of.
        start, end: RGB in [0, 255] of the nearest pixel, and of the farthest.

    Returns:
        uint8 (height, width, 3).
    """
    y, x = np.ogrid[:height, :width]
    distance = np.hypot(y - centre[0] * height, x - centre[1] * width)
    return _rounded(_blend(_from_0_to_1(distance), start, end))


def bilinear_gradient(height: int, width: int, corners: ArrayLike) -> np.ndarray:
    """Four colours, interpolated.

    Args:
        height, width: in pixels.
        corners: RGB in [0, 255] of the corners, (2, 2, 3): top and bottom, left and right.

    Returns:
        uint8 (height, width, 3).
    """
    (top_left, top_right), (bottom_left, bottom_right) = np.asarray(corners, float)
    y, x = (_from_0_to_1(each) for each in np.ogrid[:height, :width])
    return _rounded(_blend(y, _blend(x, top_left, top_right), _blend(x, bottom_left, bottom_right)))


def _from_0_to_1(values: np.ndarray) -> np.ndarray:
    """Shifted and scaled to that range; zeros where all are equal."""
    values = values - values.min()
    return values / (values.max() or 1)


def _blend(weight: np.ndarray, start: ArrayLike, end: ArrayLike) -> np.ndarray:
    """Colours (..., 3), `weight` (...) of the way from start to end."""
    start, end = np.asarray(start, float), np.asarray(end, float)
    return start + weight[..., None] * (end - start)


def _rounded(levels: np.ndarray) -> np.ndarray:
    return np.rint(levels).astype(np.uint8)


def _colour(rng: np.random.Generator) -> np.ndarray:
    """RGB, integers (3,)."""
    kind = rng.integers(3)
    if kind == 0:
        return np.repeat(rng.integers(256), 3)
    return 255 * rng.integers(2, size=3) if kind == 1 else rng.integers(256, size=3)


def _flat(size: int, rng: np.random.Generator) -> np.ndarray:
    return np.full((size, size, 3), _colour(rng), np.uint8)


def _gradient(size: int, rng: np.random.Generator) -> np.ndarray:
    """Between any colours, or between some that are near each other."""
    colours = np.stack([_colour(rng) for _ in range(4)])
    if rng.random() < 0.5:
        near = colours[0] + rng.integers(-_FAINT, _FAINT, (3, 3), endpoint=True)
        colours[1:] = np.clip(near, 0, 255)
    kind = rng.integers(4)
    if kind == 0:
        return linear_gradient(size, size, rng.integers(4) * math.pi / 2, *colours[:2])
    if kind == 1:
        return linear_gradient(size, size, rng.uniform(0, 2 * math.pi), *colours[:2])
    if kind == 2:
        return radial_gradient(size, size, rng.uniform(-0.5, 1.5, 2), *colours[:2])
    return bilinear_gradient(size, size, colours.reshape(2, 2, 3))


def _shapes(size: int, rng: np.random.Generator) -> np.ndarray:
    """On a flat ground or a gradient; half of the pictures have smooth edges."""
    scale = int(rng.integers(1, 3))  # drawn larger and shrunk by as much
    ground = (_flat, _gradient)[rng.integers(2)]
    image = Image.fromarray(ground(scale * size, rng))
    draw = ImageDraw.Draw(image)
    for _ in range(rng.integers(1, _MOST_SHAPES, endpoint=True)):
        _draw_shape(draw, scale * size, rng)
    return np.asarray(image.reduce(scale))


def _draw_shape(draw: ImageDraw.ImageDraw, size: int, rng: np.random.Generator) -> None:
    """A rectangle, an ellipse, a polygon or a line, which may reach out of the picture."""
    centre = rng.uniform(0, size, 2)
    half = size * np.exp(rng.uniform(*np.log(_SHAPE_EXTENTS), 2))
    box = [*(centre - half).tolist(), *(centre + half).tolist()]
    colour = tuple(_colour(rng).tolist())
    kind = rng.integers(4)
    if kind == 0:
        draw.rectangle(box, fill=colour)
    elif kind == 1:
        draw.ellipse(box, fill=colour)
    elif kind == 2:
        corners = centre + half * rng.uniform(-1, 1, (rng.integers(3, 7), 2))
        draw.polygon(list(map(tuple, corners.tolist())), fill=colour)
    else:
        end = centre + half * rng.choice([-1, 1], 2)
        width = round(math.exp(rng.uniform(0, math.log(1 + size / 16))))
        draw.line([*centre.tolist(), *end.tolist()], fill=colour, width=width)


def _text(size: int, rng: np.random.Generator) -> np.ndarray:
    """Lines of any characters, cut off by the borders."""
    paper, ink = _paper_and_ink(rng)
    image = Image.fromarray(np.full((size, size, 3), paper, np.uint8))
    draw = ImageDraw.Draw(image)
    font_size = math.exp(rng.uniform(*np.log(_FONT_SIZES)))
    font = ImageFont.load_default(font_size)
    left, top = rng.uniform(-font_size, 0, 2)
    longest = 2 + 4 * int(size / font_size)  # characters, more than fit in most lines
    while top < size:
        line = "".join(rng.choice(_CHARACTERS, rng.integers(1, longest)))
        fill = _colour(rng) if rng.random() < _OTHER_INK else ink
        draw.text((left, top), line, fill=tuple(fill.tolist()), font=font)
        top += _LINE_HEIGHT * font_size
    return np.asarray(image)


def _paper_and_ink(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Light and dark, dark and light, or any two colours; half of the first are white and black."""
    kind = rng.integers(3)
    if kind == 2:
        return _colour(rng), _colour(rng)
    tints = rng.integers(2) * rng.integers(_TINT, size=(2, 3))
    light, dark = 255 - tints[0], tints[1]
    return (light, dark) if kind == 0 else (dark, light)
