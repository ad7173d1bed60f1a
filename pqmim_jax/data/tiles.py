"""A data set as square tiles of equal size, small enough to lie in an accelerator's memory."""

import math
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from pqmim_jax.data.augment import check_scales
from pqmim_jax.data.decode import DataError, Window, resize_window
from pqmim_jax.data.sources import open_source
from pqmim_jax.data.synthetic import synthetic_picture


def load_tiles(data_config: Any, *, seed: int) -> np.ndarray:
    """Cuts every picture of the source into tiles, at several scales.

    Each is shrunk `crops_per_image` times, to scales from `min_scale` to `max_scale`, and cut into
    as many tiles side by side as fit, at a random place. A picture that would get smaller than a
    tile is shrunk less; one that is smaller gives none. Synthetic pictures follow, as many as are
    `synthetic_share` of all tiles.

    Args:
        data_config: fields `source`, `tile` (pixels a side), `crops_per_image`, `min_scale`,
            `max_scale`, `synthetic_share` and `num_threads`, see `pipeline`.
        seed: >= 0, of scales and places.

    Returns:
        uint8 (N, tile, tile, 3), N >= 1; a function of the source and the configuration alone.

    Raises:
        DataError: the source cannot be opened, a picture cannot be decoded, or none is as large as
            a tile.
        ValueError: a parameter is out of range.
    """
    source, tile = open_source(data_config.source), data_config.tile
    if tile < 1 or data_config.crops_per_image < 1:
        raise ValueError("data.tile and data.crops_per_image must be >= 1")
    if not 0 <= data_config.synthetic_share < 1:
        raise ValueError("data.synthetic_share must be in [0, 1) for tiles")
    check_scales(data_config.min_scale, data_config.max_scale)

    def cut_picture(number: int) -> list[np.ndarray]:
        rng = np.random.default_rng([seed, number])
        picture, scales = source[number], (data_config.min_scale, data_config.max_scale)
        copies = spread_scales(data_config.crops_per_image, *scales, rng)
        return [_cut(rescaled(picture, scale, tile), tile, rng) for scale in copies]

    with ThreadPoolExecutor(max(1, data_config.num_threads)) as pool:
        parts = [part for parts in pool.map(cut_picture, range(len(source))) for part in parts]
    count = sum(map(len, parts))
    if not count:
        raise DataError(f"no picture of {data_config.source} has {tile} pixels a side (data.tile)")
    rng, share = np.random.default_rng([seed, len(source)]), data_config.synthetic_share
    drawn = [synthetic_picture(tile, rng)[None] for _ in range(round(count * share / (1 - share)))]
    return np.concatenate([*parts, *drawn])


def spread_scales(
    copies: int, smallest: float, largest: float, rng: np.random.Generator
) -> np.ndarray:
    """Scales of the copies of a photograph: one in each of `copies` equal parts of the range.

    Args:
        copies: >= 1.
        smallest: > 0.
        largest: in [smallest, 1].
        rng: where each scale's place in its part, log-uniform, comes from.

    Returns:
        (copies,) float64 ascending, output pixels per source pixel.
    """
    place = (np.arange(copies) + rng.random(copies)) / copies
    return np.exp(math.log(smallest) + place * (math.log(largest) - math.log(smallest)))


def rescaled(picture: np.ndarray, scale: float, min_side: int) -> np.ndarray:
    """The picture shrunk by `scale`, or by less where a side would get below `min_side` pixels.

    Args:
        picture: uint8 (H, W, 3).
        scale: in (0, 1].
        min_side: in pixels; a picture that is smaller stays as it is.

    Returns:
        uint8 (H', W', 3); Pillow's bicubic filter, as in training.
    """
    height, width = picture.shape[:2]
    scale = min(1.0, max(scale, min_side / min(height, width)))
    whole = Window(0, 0, height, width)
    return resize_window(picture, whole, round(height * scale), round(width * scale))


def _cut(picture: np.ndarray, tile: int, rng: np.random.Generator) -> np.ndarray:
    """As many tiles as fit side by side, (N, tile, tile, 3)."""
    rows, columns = (side // tile for side in picture.shape[:2])
    top = int(rng.integers(picture.shape[0] - rows * tile + 1))
    left = int(rng.integers(picture.shape[1] - columns * tile + 1))
    cut = picture[top : top + rows * tile, left : left + columns * tile]
    grid = cut.reshape(rows, tile, columns, tile, 3).swapaxes(1, 2)
    return grid.reshape(-1, tile, tile, 3)
