"""Data that lies on the devices: crops are taken there, by a step that needs no batch."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from training_process import start

from pqmim_jax.training.batches import stage_batches
from pqmim_jax.training.config import ConfigError
from pqmim_jax.training.pqvae_stage import pqvae_stage
from pqmim_jax.training.run import train
from pqmim_jax.training.sharding import build_mesh
from pqmim_jax.training.tiles import TileBatches, on_tiles, random_crops


def numbered_tiles(count, side):
    """Tiles whose pixels say where they are: (number, row, column)."""
    where = np.indices((count, side, side), np.uint8)
    return np.moveaxis(where, 0, -1)


def test_crops_are_parts_of_tiles_at_all_places_and_half_of_them_mirrored():
    crops = np.asarray(random_crops(jax.random.key(0), numbered_tiles(5, 8), 4000, 6, flip=True))
    assert crops.shape == (4000, 6, 6, 3) and crops.dtype == np.uint8
    mirrored = crops[:, 0, 0, 2] > crops[:, 0, 1, 2]
    upright = np.where(mirrored[:, None, None, None], crops[:, :, ::-1], crops)
    corner = upright[:, 0, 0].astype(int)
    expected = np.moveaxis(np.indices((1, 6, 6)), 0, -1) + corner[:, None, None]
    np.testing.assert_array_equal(upright, expected)
    seen, often = np.unique([*corner.T, mirrored], axis=1, return_counts=True)
    assert seen.shape[1] == 5 * 3 * 3 * 2
    assert often.min() > 20


def test_without_flips_no_crop_is_mirrored():
    crops = np.asarray(random_crops(jax.random.key(0), numbered_tiles(2, 8), 64, 6, flip=False))
    assert (crops[:, 0, 0, 2] < crops[:, 0, 1, 2]).all()


@pytest.fixture
def tile_config(tiny_config):
    """The PQ-VAE on tiles of 40 pixels of the pictures, prices and balance included."""
    tiny_config.stages = ("pqvae",)
    tiny_config.data.update(tile=40, crops_per_image=2, min_scale=0.9)
    tiny_config.codec.update(rate_weights=(2e4, 1e4), counts_by_quality=True)
    tiny_config.pqvae_training.update(rate_scale=1.0, balance=0.4, average_decay=0.9)
    return tiny_config


def metrics(workdir):
    lines = (workdir / "pqvae" / "metrics.jsonl").read_text().splitlines()
    return list(map(json.loads, lines))


def test_a_run_on_tiles_is_the_same_when_preempted_and_on_four_devices(tile_config, tmp_path):
    tile_config.mesh.data = 1
    train(tile_config, tmp_path / "whole")
    whole = metrics(tmp_path / "whole")
    assert [line["step"] for line in whole] == [1, 2, 3, 4]
    assert len({line["distortion"] for line in whole}) == 4
    _, errors = start(tile_config, tmp_path / "parts", "--preempt", "pqvae", 2).wait_for_end()
    assert "pqvae stopped at step 2, checkpoint saved" in errors
    train(tile_config, tmp_path / "parts")
    assert metrics(tmp_path / "parts") == whole
    tile_config.mesh.data = 4
    status, errors = start(tile_config, tmp_path / "four", devices=4).wait_for_end()
    assert status == 0, errors
    for line, other in zip(whole, metrics(tmp_path / "four"), strict=True):
        np.testing.assert_allclose(other["distortion"], line["distortion"], rtol=1e-3)


def test_a_step_on_tiles_is_the_stages_own_step_on_their_crops(tile_config):
    tiles = np.random.default_rng(0).integers(0, 256, (3, 40, 40, 3), np.uint8)
    stage, key = pqvae_stage(tile_config), jax.random.key(5)
    tile_config.mesh.data = 1
    batches = TileBatches(tiles, flip=True)
    on_device = on_tiles(stage, batches, build_mesh(tile_config.mesh))
    state = stage.init(jax.random.key(0)).replace(step=jnp.int32(7))
    _, found = jax.jit(on_device.step_fn)(state, next(batches), key, tiles)
    crop_key = jax.random.fold_in(jax.random.fold_in(key, np.uint32(2**31)), 7)
    crops = random_crops(crop_key, tiles, stage.batch_size, stage.crop, flip=True)
    _, expected = jax.jit(stage.step_fn)(state, {"image": crops}, key)
    np.testing.assert_allclose(found["distortion"], expected["distortion"], rtol=1e-5)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"tile": 24}, "a crop of 32 pixels is larger than data.tile 24"),
        ({"augmentation": "center_crop"}, "data.tile needs data.augmentation=rescaled_crop"),
    ],
)
def test_tiles_that_cannot_be_used_are_one_clear_error(tile_config, tmp_path, change, message):
    tile_config.data.update(change)
    with pytest.raises(ConfigError, match=message):
        train(tile_config, tmp_path)


def test_without_tiles_batches_come_from_the_host(tiny_config):
    tiny_config.mesh.data = 1
    batches = stage_batches(tiny_config, "pqvae", build_mesh(tiny_config.mesh))
    assert next(batches)["image"].shape == (4, 32, 32, 3)
    batches.close()
