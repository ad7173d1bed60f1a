"""Crops and flips: pure functions of (picture, random generator, parameters).

All take a picture of any size >= 1, a uint8 array (H, W, 3) or one not yet decoded, and return
uint8 (size, size, 3). Resampling is Pillow's bicubic filter, antialiased when it shrinks (our
choice).
"""

import functools
import math
from collections.abc import Callable

import numpy as np

from pqmim_jax.data.decode import EncodedPicture, Window, resize_window

Picture = np.ndarray | EncodedPicture
Augmentation = Callable[[Picture, np.random.Generator], np.ndarray]

AUGMENTATIONS = ("rescaled_crop", "random_resized_crop", "center_crop")

_ATTEMPTS = 10


def rescaled_crop(
    image: Picture, rng: np.random.Generator, size: int, min_scale: float, max_scale: float
) -> np.ndarray:
    """A square crop shrunk by a random factor, its aspect ratio kept (ours).

    A scale s (output pixels per source pixel) is drawn log-uniformly from [min_scale, max_scale];
    a window of size / s source pixels (rounded) is cut at a uniform position and resized to
    `size`. Where the picture is too small for that window the scale is raised as far as needed;
    past 1, which is to enlarge, only if a side of the picture is shorter than `size`. Shrinking
    restores the chroma resolution and hides the artefacts of lossy sources.

    Args:
        image: uint8 (H, W, 3), or not yet decoded.
        rng: where the scale and the position come from.
        size: side of the crop in pixels.
        min_scale: > 0.
        max_scale: in [min_scale, 1].

    Returns:
        uint8 (size, size, 3).

    Raises:
        ValueError: the scales are not 0 < min_scale <= max_scale <= 1.
    """
    check_scales(min_scale, max_scale)
    height, width = image.shape[:2]
    scale = math.exp(rng.uniform(math.log(min_scale), math.log(max_scale)))
    window = min(round(size / scale), height, width)
    top = int(rng.integers(height - window + 1))
    left = int(rng.integers(width - window + 1))
    return resize_window(image, Window(top, left, window, window), size, size)


def random_resized_crop(
    image: Picture,
    rng: np.random.Generator,
    size: int,
    area: tuple[float, float] = (0.08, 1.0),
    ratio: tuple[float, float] = (3 / 4, 4 / 3),
) -> np.ndarray:
    """A random part of the picture stretched to a square: the usual ImageNet augmentation.

    Draws a share of the picture's area uniformly and an aspect ratio log-uniformly, up to ten
    times until such a window fits; else takes the largest central window with an allowed aspect
    ratio (Szegedy et al. 2015, section 6; details as in torchvision's RandomResizedCrop).

    Args:
        image: uint8 (H, W, 3), or not yet decoded.
        rng: where the window comes from.
        size: side of the crop in pixels.
        area: least and greatest share of the picture's area, 0 < area <= 1.
        ratio: least and greatest width / height of the window.

    Returns:
        uint8 (size, size, 3).
    """
    height, width = image.shape[:2]
    for _ in range(_ATTEMPTS):
        pixels = height * width * rng.uniform(*area)
        aspect = math.exp(rng.uniform(math.log(ratio[0]), math.log(ratio[1])))
        w, h = round(math.sqrt(pixels * aspect)), round(math.sqrt(pixels / aspect))
        if 0 < w <= width and 0 < h <= height:
            top, left = int(rng.integers(height - h + 1)), int(rng.integers(width - w + 1))
            return resize_window(image, Window(top, left, h, w), size, size)
    w = max(1, min(width, round(height * ratio[1])))
    h = max(1, min(height, round(width / ratio[0])))
    top, left = (height - h) // 2, (width - w) // 2
    return resize_window(image, Window(top, left, h, w), size, size)


def center_crop(image: Picture, size: int) -> np.ndarray:
    """The middle of the picture at its own scale, mirrored outwards where it is too small.

    Args:
        image: uint8 (H, W, 3), or not yet decoded.
        size: side of the crop in pixels.

    Returns:
        uint8 (size, size, 3).
    """
    height, width = image.shape[:2]
    top, left = max(0, height - size) // 2, max(0, width - size) // 2
    window = Window(top, left, min(height, size), min(width, size))
    crop = resize_window(image, window, window.height, window.width)
    rows, columns = size - crop.shape[0], size - crop.shape[1]
    if rows or columns:
        before_after = [(rows // 2, rows - rows // 2), (columns // 2, columns - columns // 2)]
        crop = np.pad(crop, [*before_after, (0, 0)], mode="reflect")
    return crop


def random_flip(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The picture, or with probability 1/2 its left-right mirror image; same shape and dtype."""
    return image[:, ::-1] if rng.random() < 0.5 else image


def make_augmentation(
    name: str, *, size: int, min_scale: float = 1.0, max_scale: float = 1.0, flip: bool = False
) -> Augmentation:
    """The function (picture, random generator) -> uint8 (size, size, 3) of a configuration.

    Args:
        name: one of `AUGMENTATIONS`.
        size: side of the crop in pixels, >= 1.
        min_scale: of `rescaled_crop`, else unused.
        max_scale: of `rescaled_crop`, else unused.
        flip: whether half of the crops are mirrored left to right.

    Raises:
        ValueError: an unknown name or a parameter out of range.
    """
    if size < 1:
        raise ValueError(f"crop must be >= 1 pixel, got {size}")
    if name == "rescaled_crop":
        check_scales(min_scale, max_scale)
        crop = functools.partial(rescaled_crop, size=size, min_scale=min_scale, max_scale=max_scale)
    elif name == "random_resized_crop":
        crop = functools.partial(random_resized_crop, size=size)
    elif name == "center_crop":

        def crop(image, rng):
            return center_crop(image, size)
    else:
        raise ValueError(f"unknown augmentation {name!r}; choices: {', '.join(AUGMENTATIONS)}")

    def augment(image: Picture, rng: np.random.Generator) -> np.ndarray:
        cropped = crop(image, rng)
        return random_flip(cropped, rng) if flip else cropped

    return augment


def check_scales(min_scale: float, max_scale: float) -> None:
    """ValueError unless 0 < min_scale <= max_scale <= 1."""
    if not 0 < min_scale <= max_scale <= 1:
        raise ValueError(
            f"scales must be 0 < min_scale <= max_scale <= 1, got {min_scale} and {max_scale}"
        )
