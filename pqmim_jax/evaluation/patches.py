"""Patches of pictures for FID and KID, as HiFiC cuts them (Mentzer et al. 2020, appendix A.7)."""

import numpy as np

PATCH = 256


def hific_patches(image: np.ndarray) -> np.ndarray:
    """All patches of the grid that starts at (0, 0) and of the one that starts at (128, 128).

    Patches of one grid do not overlap; what is left over at the right and below is not used.

    Args:
      image: uint8 (H, W, 3) of any size.

    Returns:
      uint8 (N, 256, 256, 3), row by row, first grid first; N is 0 where a side is below 256.
    """
    return np.concatenate([_grid(image), _grid(image[PATCH // 2 :, PATCH // 2 :])])


def _grid(image: np.ndarray) -> np.ndarray:
    rows, columns = image.shape[0] // PATCH, image.shape[1] // PATCH
    whole = image[: rows * PATCH, : columns * PATCH]
    tiles = whole.reshape(rows, PATCH, columns, PATCH, 3).swapaxes(1, 2)
    return tiles.reshape(-1, PATCH, PATCH, 3)
