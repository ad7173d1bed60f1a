"""The middle of a picture, where a whole one is more than is wanted."""

import numpy as np


def middle(picture: np.ndarray, side: int) -> np.ndarray:
    """The middle of (H, W, C), at most `side` pixels high and wide; all of it for 0."""
    if not side:
        return picture
    top, left = (max(0, length - side) // 2 for length in picture.shape[:2])
    return picture[top : top + side, left : left + side]
