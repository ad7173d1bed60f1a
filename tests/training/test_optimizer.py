import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from ml_collections import ConfigDict

from pqmim_jax.training.optimizer import build_optimizer, learning_rate


def options(**overrides):
    return ConfigDict(
        {
            "steps": 100,
            "max_seconds": 0.0,
            "learning_rate": 0.5,
            "warmup_steps": 10,
            "final_lr_fraction": 0.1,
            "weight_decay": 0.0,
            "adam_b1": 0.9,
            "adam_b2": 0.99,
            "clip_norm": 1.0,
            "lr_scales": (),
            **overrides,
        }
    )


PARAMS = {
    "encoder": {"block_0": {"kernel": np.ones((2, 2), np.float32)}},
    "linear_analysis": {"kernel": np.ones((2, 2), np.float32)},
    "quantizer": {"codebooks": np.ones((1, 2, 2), np.float32)},
    "to_latents": {"bias": np.ones(2, np.float32)},
}


def first_update(gradient=1.0, **overrides):
    """Change of every parameter after one step at the peak learning rate, by path."""
    tx = build_optimizer(options(warmup_steps=0, **overrides))
    grads = jax.tree.map(lambda p: jnp.full_like(p, gradient), PARAMS)
    updates, _ = jax.jit(tx.update)(grads, tx.init(PARAMS), PARAMS)
    flat, _ = jax.tree_util.tree_flatten_with_path(updates)
    return {"/".join(key.key for key in path): np.asarray(value) for path, value in flat}


def test_learning_rate_warms_up_and_decays():
    schedule = learning_rate(options())
    values = np.array([float(schedule(step)) for step in range(101)])
    assert values[0] == 0
    assert values[5] == pytest.approx(0.25)
    assert values[10] == pytest.approx(0.5)
    assert values[55] == pytest.approx((0.5 + 0.05) / 2, rel=1e-4)  # half way down the cosine
    assert values[100] == pytest.approx(0.05)
    assert (np.diff(values[:11]) > 0).all()
    assert (np.diff(values[10:]) < 0).all()


@pytest.mark.parametrize("steps", [1, 2, 10])
def test_a_run_shorter_than_the_warm_up_still_learns(steps):
    schedule = learning_rate(options(steps=steps))
    values = [float(schedule(step)) for step in range(steps)]
    assert np.isfinite(values).all()
    assert max(values) == pytest.approx(0.5)


def test_rules_scale_or_freeze_what_their_expression_finds_and_the_first_wins():
    rules = (("^linear_", 0.25), ("quantizer", 0.0), ("kernel$", 0.5), ("linear", 7.0))
    updates = first_update(lr_scales=rules)
    free = first_update()
    expected = {
        "encoder/block_0/kernel": 0.5,
        "linear_analysis/kernel": 0.25,
        "quantizer/codebooks": 0.0,
        "to_latents/bias": 1.0,
    }
    assert set(updates) == set(expected)
    for name, factor in expected.items():
        assert (free[name] < -0.4).all(), "Adam's first step is the learning rate"
        np.testing.assert_allclose(updates[name], factor * free[name], rtol=1e-6)


def test_weight_decay_shrinks_kernels_but_no_vectors():
    updates = first_update(gradient=0.0, weight_decay=0.1)
    np.testing.assert_allclose(updates["encoder/block_0/kernel"], -0.05, rtol=1e-5)
    assert not updates["to_latents/bias"].any()


def test_a_frozen_parameter_does_not_decay():
    updates = first_update(weight_decay=0.1, lr_scales=(("encoder", 0.0),))
    assert not updates["encoder/block_0/kernel"].any()


def test_stacked_biases_do_not_decay_but_stacked_kernels_do():
    params = {"head": {"output_bias": np.ones((2, 3)), "output": np.ones((2, 2, 3))}}
    tx = build_optimizer(options(warmup_steps=0, weight_decay=0.1))
    updates, _ = tx.update(jax.tree.map(jnp.zeros_like, params), tx.init(params), params)
    assert not updates["head"]["output_bias"].any()
    assert (updates["head"]["output"] < 0).all()


def rates_by_time(spent, **overrides):
    """Size of Adam's update after each share of the time in turn, at a constant gradient."""
    tx = build_optimizer(options(max_seconds=60.0, **overrides))
    params = {"w": np.ones(1, np.float32)}
    state, sizes = tx.init(params), []
    for share in spent:
        state = optax.tree.set(state, spent=jnp.float32(share))
        updates, state = jax.jit(tx.update)({"w": jnp.ones(1)}, state, params)
        sizes.append(-float(updates["w"][0]))
    return np.array(sizes)


def test_within_a_limited_time_the_rate_falls_by_the_share_of_time():
    sizes = rates_by_time([0, 0, 0, 0.5, 0.5, 0.75, 1, 2], warmup_steps=1, steps=10**6)
    cosine = 0.05 + 0.45 * (1 + np.cos(np.pi * np.array([0, 0, 0.5, 0.5, 0.75, 1, 1]))) / 2
    np.testing.assert_allclose(sizes, [0, *cosine], rtol=1e-4)


def test_within_a_limited_time_the_rate_falls_by_steps_if_these_are_used_up_sooner():
    sizes = rates_by_time([0, 0, 0, 0, 0.6], warmup_steps=0, steps=4)
    cosine = 0.05 + 0.45 * (1 + np.cos(np.pi * np.array([0, 0.25, 0.5, 0.75, 1]))) / 2
    np.testing.assert_allclose(sizes, cosine, rtol=1e-4)
