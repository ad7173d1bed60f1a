"""Trained MIMs as integers: close to what they are made of, for every trunk, head and width."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from ml_collections import ConfigDict

from pqmim_jax.integer import bounds
from pqmim_jax.models import build_mim
from pqmim_jax.training import integer_stage
from pqmim_jax.training.random_model import tiny_config

SIDE = 6  # window 4, halo 1


def sections_of(**mim):
    config = tiny_config()
    config.mim.update(mim)
    return {name: config[name].to_dict() for name in ("autoencoder", "mim", "codec")}


def lively(sections):
    """Parameters of a MIM whose parts all matter: biases and scales drawn, logits spread."""
    section = ConfigDict(sections["autoencoder"])
    model = build_mim(ConfigDict(sections["mim"]), section)
    grid = jnp.zeros((1, SIDE, SIDE, section.num_codebooks), jnp.int32)
    quality = jnp.ones(1, jnp.int32)
    shapes = jax.eval_shape(lambda: model.init(jax.random.key(0), grid, grid, quality))["params"]
    rng, other = np.random.default_rng(0), np.random.default_rng(1)

    def draw(path, leaf):
        name = path[-1].key
        if path[0].key == "quality":  # the rest is as without it
            return 0.3 * other.normal(size=leaf.shape).astype(np.float32)
        noise = rng.normal(size=leaf.shape).astype(np.float32)
        if name in ("scale", "local_scale", "mlp_scale", "attention_scale"):
            return 0.6 + 0.2 * noise
        if leaf.ndim == 1 or name.endswith("bias"):
            return 0.3 * noise
        if name == "tables":
            return noise
        fan_in = np.prod(leaf.shape[:-1]) if leaf.ndim == 2 else leaf.shape[-2]
        return noise * (2.0 if name == "output" else 1.0) / np.sqrt(fan_in)

    return jax.tree_util.tree_map_with_path(draw, shapes)


def noise_windows(n=6):
    drawn = np.random.default_rng(1).integers(0, 16, (n, SIDE, SIDE, 4), np.int32)
    return integer_stage.up_to_qualities(drawn)


@pytest.mark.parametrize(
    "mim",
    [
        {"trunk": "plain", "depth": 2},
        {"trunk": "lean", "depth": 2},
        {"trunk": "lean", "depth": 3, "width": 48, "heads": 3},
        {"trunk": "plain", "depth": 1, "width": 48, "heads": 3, "head": "independent"},
        {"trunk": "plain", "depth": 0},
        {"trunk": "lean", "depth": 2, "knows_quality": True},
        {"trunk": "plain", "depth": 1, "knows_quality": True},
    ],
    ids=str,
)
def test_integers_cost_few_bits(mim):
    sections = sections_of(**mim)
    params, windows = lively(sections), noise_windows()
    tree = integer_stage.convert(sections, params, windows)
    assert bounds.check(tree, SIDE) < bounds.LIMIT
    # Noise coded by drawn weights is far from the optimum: what is lost shows at once.
    assert abs(integer_stage.cost(sections, params, tree, windows)) < 0.01
    rough = {**tree, "embedding": (tree["embedding"] // 64 * 64).astype(np.int8)}
    assert abs(integer_stage.cost(sections, params, rough, windows)) > 0.01


def test_integers_know_the_quality_as_the_floats_do():
    sections = sections_of(trunk="lean", depth=2, knows_quality=True)
    params, windows = lively(sections), noise_windows()
    tree = integer_stage.convert(sections, params, windows)
    table = tree["quality"]["embedding"]
    assert (table.dtype, table.shape) == (np.int16, (4, 32))
    deaf = {**tree, "quality": {"embedding": np.zeros_like(table)}}
    assert abs(integer_stage.cost(sections, params, deaf, windows)) > 0.01
    turned = {**tree, "quality": {"embedding": table[::-1]}}
    assert abs(integer_stage.cost(sections, params, turned, windows)) > 0.01
    untrained = {**params, "quality": {"embedding": np.zeros((4, 32), np.float32)}}
    untrained = integer_stage.convert(sections, untrained, windows)
    assert not untrained["quality"]["embedding"].any()


def test_a_window_tells_its_quality():
    assert integer_stage.qualities_of(noise_windows(4)).tolist() == [4, 2, 3, 1]


def test_the_conversion_is_the_same_every_time():
    sections = sections_of(depth=1)
    params, windows = lively(sections), noise_windows(2)
    one, two = (integer_stage.convert(sections, params, windows) for _ in range(2))
    jax.tree.map(np.testing.assert_array_equal, one, two)


def test_an_unknown_trunk_is_refused():
    with pytest.raises(ValueError, match="unknown MIM trunk 'fat'; choices: plain, lean"):
        lively(sections_of(trunk="fat"))
