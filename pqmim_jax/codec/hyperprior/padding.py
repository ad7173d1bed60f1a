"""Pictures of any size in the few sizes that programs are compiled for."""

import numpy as np

from pqmim_jax.models.hyperprior.transforms import HYPER_FACTOR


def padded_side(pixels: int, unit: int) -> int:
    """Side in pixels, a multiple of `unit`, that a picture of `pixels` is padded to.

    Four to eight sides an octave: few programs serve all pictures. At most a quarter longer than
    the next multiple of `unit`.
    """
    units = -(-pixels // unit)
    step = 1 << max(units.bit_length() - 3, 0)
    return -(-units // step) * step * unit


class PaddedArea:
    """Where a picture lies in the padded one that the networks see: at the upper left."""

    def __init__(self, height: int, width: int, f: int):
        """`f`: downsampling of the model."""
        size, unit = (height, width), HYPER_FACTOR * f
        self._padded = tuple(padded_side(side, unit) for side in size)
        self._unit = unit
        self.shape = tuple(-(-side // f) for side in size)  # latents of the picture
        self.hyper_shape = tuple(-(-side // unit) for side in size)
        self.mask = np.zeros([side // f for side in self._padded], np.float32)
        self.mask[: self.shape[0], : self.shape[1]] = 1

    def pad(self, image: np.ndarray) -> np.ndarray:
        """(H, W, 3) -> padded by the last row and column."""
        margins = [(0, p - s) for p, s in zip(self._padded, image.shape[:2], strict=True)]
        return np.pad(image, [*margins, (0, 0)], mode="edge")

    def crop(self, array: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
        """The part of (h, w, C) that belongs to the picture."""
        return np.ascontiguousarray(array[: shape[0], : shape[1]])

    def grow(self, array: np.ndarray, per_unit: int) -> np.ndarray:
        """Inverse of `crop`: zeros around the picture; `per_unit` entries of a padded unit."""
        h, w = (side // self._unit * per_unit for side in self._padded)
        grown = np.zeros((h, w, array.shape[2]), array.dtype)
        grown[: array.shape[0], : array.shape[1]] = array
        return grown
