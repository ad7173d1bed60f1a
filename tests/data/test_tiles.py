"""Pictures cut into tiles, at scales that cover the range."""

import numpy as np
import pytest

from pqmim_jax.data import DataError, load_tiles


def tiles_of(config, seed=0, **changes):
    config.update(tile=24, crops_per_image=2, **changes)
    return load_tiles(config, seed=seed)


def test_every_picture_gives_as_many_tiles_as_fit_at_every_scale(config):
    tiles = tiles_of(config, min_scale=1.0)
    assert tiles.shape[1:] == (24, 24, 3) and tiles.dtype == np.uint8
    # Picture k is 40 + 3 k pixels high, 71 - 2 k wide, and has red = 10 k.
    for k in range(13):
        count = 2 * ((40 + 3 * k) // 24) * ((71 - 2 * k) // 24)
        assert (tiles[..., 0] == 10 * k).all((1, 2)).sum() == count


def test_tiles_are_a_function_of_the_seed_whatever_the_threads(config):
    first = tiles_of(config, min_scale=0.6)
    config.num_threads = 0
    np.testing.assert_array_equal(tiles_of(config, min_scale=0.6), first)
    other = tiles_of(config, seed=1, min_scale=0.6)
    assert other.shape != first.shape or (other != first).any()


def test_a_picture_is_not_shrunk_below_a_tile(config):
    tiles = tiles_of(config, min_scale=0.01, max_scale=0.02)
    red = np.round(tiles[..., 0].mean((1, 2)) / 10).astype(int)
    assert set(red) == set(range(13))


def test_without_a_picture_as_large_as_a_tile_there_is_one_clear_error(config):
    config.update(tile=400, crops_per_image=1)
    with pytest.raises(DataError, match="has 400 pixels a side"):
        load_tiles(config, seed=0)


def test_synthetic_pictures_are_their_share_of_the_tiles(config):
    without = tiles_of(config, min_scale=1.0)
    tiles = tiles_of(config, synthetic_share=0.25)
    np.testing.assert_array_equal(tiles[: len(without)], without)
    assert len(tiles) - len(without) == round(len(without) / 3)
    assert (tiles[len(without) :] != tiles[len(without)]).any()


@pytest.mark.parametrize(
    "change", [{"synthetic_share": 1.0}, {"tile": -1}, {"crops_per_image": 0}, {"min_scale": 2.0}]
)
def test_parameters_out_of_range_are_refused(config, change):
    config.update(tile=24, crops_per_image=1)
    config.update(change)
    with pytest.raises(ValueError, match=r"must be|scales"):
        load_tiles(config, seed=0)
