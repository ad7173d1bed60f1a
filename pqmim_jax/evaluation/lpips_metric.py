"""LPIPS of 8-bit pictures of any size, in bounded memory."""

import functools
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from pqmim_jax.losses.lpips import distance_maps, load_lpips
from pqmim_jax.models.perceptual_trunks import smallest_side, trunk_layers

# Both trunks halve four times in all and see about 100 pixels to each side.
_STEP = 16
_HALO = 128
_BAND_PIXELS = 2**20


class LpipsMetric:
    """LPIPS version 0.1, equal to the PyTorch package `lpips`.

    Pictures of more than 2^20 pixels are compared in horizontal bands with the rows around them
    that the network sees, which gives the same number as in one piece.
    """

    def __init__(
        self,
        trunk: str = "alexnet",
        path: str | Path | None = None,
        *,
        band_pixels: int = _BAND_PIXELS,
    ) -> None:
        """Loads the weights.

        Args:
          trunk: "alexnet", what papers report as the metric, or "vgg16".
          path: file of weights as in `load_lpips`.
          band_pixels: about how many pixels to compare at once, besides a band's surroundings.

        Raises:
          ValueError: unknown trunk.
          WeightsError: no usable weights.
        """
        self.trunk = trunk
        self._smallest = smallest_side(trunk)
        self._params = jax.device_put(load_lpips(trunk, path))
        self._band_pixels = band_pixels
        self._sums = jax.jit(functools.partial(_sums, trunk=trunk), static_argnames="bands")

    def __call__(self, image: np.ndarray, other: np.ndarray) -> float | None:
        """Distance of two uint8 (H, W, 3) pictures, 0 for equal ones.

        None where a side is too small for the trunk (below 31 pixels for AlexNet, 16 for VGG16):
        its last feature map would be empty, and the reference fails there.

        Raises:
          ValueError: other shapes or types.
        """
        check_pair(image, other)
        height, width = image.shape[:2]
        if min(height, width) < self._smallest:
            return None
        band = max(_STEP, self._band_pixels // width // _STEP * _STEP)
        starts = range(0, height, band) if height > band + _HALO else [0]
        ends = [*starts[1:], height]
        totals = sum(
            self._band(image, other, start, end) for start, end in zip(starts, ends, strict=True)
        )
        sizes = _map_sizes(self.trunk, height, width)
        return float(np.sum(totals / np.prod(sizes, axis=1)))

    def _band(self, image: np.ndarray, other: np.ndarray, start: int, end: int) -> np.ndarray:
        """Sums of the distance maps over the rows that belong to pixel rows [start, end)."""
        top, bottom = max(0, start - _HALO), min(len(image), end + _HALO)
        limits = tuple(
            (start // stride - top // stride, None if end == len(image) else (end - top) // stride)
            for stride in _strides(self.trunk)
        )
        pair = [jnp.asarray(x[None, top:bottom]) for x in (image, other)]
        with jax.default_matmul_precision("highest"):
            return np.asarray(self._sums(self._params, *pair, bands=limits), np.float64)


def check_pair(image: np.ndarray, other: np.ndarray) -> None:
    """ValueError unless both are uint8 (H, W, 3) of one shape."""
    for picture in (image, other):
        if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[-1] != 3:
            raise ValueError(f"need uint8 (H, W, 3), got {picture.dtype} {picture.shape}")
    if image.shape != other.shape:
        raise ValueError(f"need pictures of one shape, got {image.shape} and {other.shape}")


def _sums(
    params: dict, image: jax.Array, other: jax.Array, bands: tuple[tuple, ...], trunk: str
) -> jax.Array:
    pair = [x.astype(jnp.float32) / 255 - 0.5 for x in (image, other)]
    maps = distance_maps(params, *pair, trunk=trunk)
    return jnp.stack([layer[0, a:b].sum() for layer, (a, b) in zip(maps, bands, strict=True)])


@functools.cache
def _strides(trunk: str) -> tuple[int, ...]:
    """Pixels from one row of each feature map to the next."""
    strides, stride = [], 1
    for layer in trunk_layers(trunk):
        stride *= layer.stride
        if getattr(layer, "tap", False):
            strides.append(stride)
    return tuple(strides)


def _map_sizes(trunk: str, height: int, width: int) -> list[tuple[int, int]]:
    """Height and width of each feature map."""
    sizes, size = [], (height, width)
    for layer in trunk_layers(trunk):
        padding = 2 * getattr(layer, "padding", 0)
        size = tuple((n + padding - layer.size) // layer.stride + 1 for n in size)
        if getattr(layer, "tap", False):
            sizes.append(size)
    return sizes
