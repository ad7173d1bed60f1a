"""Coding a picture smaller than it is: for targets that no quality reaches at full size."""

import numpy as np
from PIL import Image


def reduce(image: np.ndarray, shrink: int) -> np.ndarray:
    """(H, W, 3) uint8 -> (ceil(H / shrink), ceil(W / shrink), 3) uint8, antialiased."""
    height, width = image.shape[:2]
    return _resize(image, (-(-height // shrink), -(-width // shrink)), Image.Resampling.LANCZOS)


def enlarge(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """(h, w, 3) uint8 -> (H, W, 3) uint8 of `size` (rows, columns), bicubic."""
    return _resize(image, size, Image.Resampling.BICUBIC)


def _resize(image: np.ndarray, size: tuple[int, int], method: Image.Resampling) -> np.ndarray:
    if image.shape[:2] == size:
        return image
    resized = Image.fromarray(np.ascontiguousarray(image)).resize(size[::-1], method)
    return np.asarray(resized)
