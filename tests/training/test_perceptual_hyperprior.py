"""HiFiC-style training: the perceptual stage on the hyperprior baseline."""

import json

import numpy as np
import pytest

from pqmim_jax.codec.hyperprior import HyperpriorCodec
from pqmim_jax.hyperprior_store import load_hyperprior
from pqmim_jax.training import default_config
from pqmim_jax.training.config import ConfigError
from pqmim_jax.training.random_hyperprior import save_random_hyperprior, tiny_hyperprior_config
from pqmim_jax.training.run import train

ENCODING = ("^encoder/", "^to_latents/", "^linear_analysis/", "^hyper_", "^log_")


@pytest.fixture(scope="module")
def hyperprior(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models") / "hyper"
    save_random_hyperprior(folder, tiny_hyperprior_config())
    return folder


@pytest.fixture
def config(photos, hyperprior, lpips_file):
    config = default_config.get_config()
    config.stages = ("perceptual",)
    config.data.update(source=f"folder:{photos}", cache_mb=8, num_threads=0, prefetch=0)
    config.log_every = 1
    config.perceptual_training.update(
        steps=2, batch_size=4, crop=32, warmup_steps=1, start_from=str(hyperprior), frozen=()
    )
    config.perceptual_training.update(lpips_trunk="alexnet", lpips_file=str(lpips_file))
    config.perceptual_training.discriminator.update(width=4, depth=1, condition_width=2)
    return config


def decoded(folder, image, quality):
    codec = HyperpriorCodec.load(folder)
    data = codec.compress(image, quality=quality)
    return data, codec.decompress(data)


def test_with_a_frozen_encoder_files_stay_and_pictures_change(config, hyperprior, tmp_path):
    config.perceptual_training.frozen = ENCODING
    train(config, tmp_path)
    image = np.random.default_rng(0).integers(0, 256, (40, 56, 3), np.uint8)
    before, picture_before = decoded(hyperprior, image, 2)
    after, picture_after = decoded(tmp_path, image, 2)
    # Header and checksum name the model; symbols and their probabilities are the same.
    assert len(before) == len(after)
    assert not np.array_equal(picture_before, picture_after)


@pytest.mark.slow
def test_everything_trains_towards_the_target_rates(config, hyperprior, tmp_path):
    config.hyperprior_training.target_rates = (1.0, 2.0)
    train(config, tmp_path)
    start, end = (load_hyperprior(path) for path in (hyperprior, tmp_path))
    assert end.lambdas == start.lambdas
    for room in ("encoder", "decoder", "hyper_synthesis"):
        (kernel, *_), (trained, *_) = (_leaves(model.params[room]) for model in (start, end))
        assert not np.array_equal(kernel, trained), room
    lines = [json.loads(line) for line in (tmp_path / "perceptual/metrics.jsonl").open()]
    assert {"lpips", "adversarial", "bpp", "hyper_bpp", "discriminator_loss"} <= set(lines[0])


def test_one_target_for_each_rate(config, tmp_path):
    config.hyperprior_training.target_rates = (1.0,)
    with pytest.raises(ConfigError, match="target_rates must hold 2 values"):
        train(config, tmp_path)


def _leaves(tree):
    for value in tree.values():
        yield from _leaves(value) if isinstance(value, dict) else [value]
