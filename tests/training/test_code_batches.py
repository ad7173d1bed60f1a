"""Batches of indices: every grid once an epoch, and resuming exactly."""

import numpy as np
import pytest
from etils import epath
from ml_collections import FrozenConfigDict

from pqmim_jax.training.code_batches import CodeBatches
from pqmim_jax.training.code_stage import code_stage, train_on_codes
from pqmim_jax.training.config import ConfigError
from pqmim_jax.training.sharding import build_mesh

CODES = np.arange(7, dtype=np.uint16)[:, None, None, None] * np.ones((1, 2, 2, 3), np.uint16)


def batches(seed=0, rows=(0, 1, 2)):
    return CodeBatches(CODES, 3, seed, np.array(rows))


def numbers(iterator, count):
    return np.concatenate([next(iterator)["indices"][:, 0, 0, 0] for _ in range(count)])


def test_every_grid_comes_once_an_epoch_in_a_new_order():
    seen = numbers(batches(), 7).reshape(3, 7)
    for epoch in seen:
        assert sorted(epoch) == list(range(7))
    assert (seen[0] != seen[1]).any()
    np.testing.assert_array_equal(numbers(batches(), 7), seen.ravel())
    assert (numbers(batches(seed=1), 7) != seen.ravel()).any()


def test_batches_are_int32_grids():
    batch = next(batches())["indices"]
    assert batch.dtype == np.int32
    assert batch.shape == (3, 2, 2, 3)


def test_it_goes_on_from_where_it_was():
    first = batches()
    numbers(first, 4)
    again = batches()
    again.set_state(first.get_state())
    np.testing.assert_array_equal(numbers(again, 5), numbers(first, 5))


def test_processes_share_the_rows_of_a_batch():
    whole = numbers(batches(), 4).reshape(4, 3)
    np.testing.assert_array_equal(numbers(batches(rows=(1,)), 4), whole[:, 1])


def test_what_needs_pictures_is_refused(tiny_config):
    tiny_config.mim_training.rate_scale = 1.0
    with pytest.raises(ConfigError, match="rate_scale must be 0"):
        code_stage(tiny_config, tiny_config.autoencoder)
    tiny_config.mim_training.rate_scale = 0.0
    tiny_config.codec.counts_by_quality = True
    with pytest.raises(ConfigError, match="counts_by_quality must be False"):
        code_stage(tiny_config, tiny_config.autoencoder)
    tiny_config.codec.counts_by_quality = False
    tiny_config.validation.source = "folder:somewhere"
    with pytest.raises(ConfigError, match="where the MIM trains on indices"):
        code_stage(tiny_config, tiny_config.autoencoder)


def test_codes_of_another_shape_are_refused(tiny_config, tmp_path):
    config = FrozenConfigDict(tiny_config)
    for codes in (CODES, CODES[:0]):
        with pytest.raises(ConfigError, match="codes of shape"):
            train_on_codes(
                config, config.autoencoder, {}, codes, epath.Path(tmp_path), build_mesh(config.mesh)
            )
