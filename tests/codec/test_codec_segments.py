"""A function cut at its sums over tokens: still the same, and over windows as over a picture."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pqmim_jax.codec.segments import cut_into_segments
from pqmim_jax.models.layers.mixing import CrossCovarianceAttention
from pqmim_jax.models.layers.normalization import GroupNorm
from pqmim_jax.models.layers.picture_sums import picture_sums

KEY = jax.random.key(0, impl="unsafe_rbg")


def noise(*shape):
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


def two_sums(params, x, scale):
    centred = x - picture_sums(jnp.sum(x)) / params["count"]
    return scale * centred / picture_sums(jnp.sum(centred**2)) + x


def run_together(segments, params, windows):
    """Windows through all segments, with sums added up; what `codec.transform` does."""
    first, *rest = map(jax.jit, segments)  # step by step, every operation is compiled by itself
    states = [first(params, *window) for window in windows]
    for segment in rest:
        total = sum(sums for sums, *_ in states)
        states = [segment(params, total, *state) for _, *state in states]
    return [out for (out,) in states]


def test_segments_in_a_row_are_the_function():
    params, x = {"count": jnp.float32(12)}, noise(12)
    segments = cut_into_segments(two_sums, params, x, np.float32(3))
    assert len(segments) == 3
    (out,) = run_together(segments, params, [(x, np.float32(3))])
    np.testing.assert_allclose(out, two_sums(params, x, np.float32(3)), rtol=1e-5)


def test_a_function_without_sums_is_one_segment():
    (only,) = cut_into_segments(lambda params, x: x * params, jnp.float32(2), noise(3))
    np.testing.assert_array_equal(only(jnp.float32(2), noise(3))[0], 2 * noise(3))


@pytest.mark.parametrize("layer", [CrossCovarianceAttention(heads=2), GroupNorm(2)])
def test_two_halves_that_share_sums_equal_the_whole(layer):
    x = noise(1, 4, 6, 8) + np.arange(6).reshape(1, 1, 6, 1)  # the halves differ
    halves = [x[:, :, :3], x[:, :, 3:]]
    mask = np.ones((1, 4, 3), np.float32)
    variables = jax.jit(layer.init)(KEY, x)
    apply = jax.jit(layer.apply)
    segments = cut_into_segments(layer.apply, variables, halves[0], mask)
    assert len(segments) == 2
    together = np.concatenate(
        run_together(segments, variables, [(half, mask) for half in halves]), axis=2
    )
    whole = apply(variables, x)
    np.testing.assert_allclose(together, whole, atol=1e-4)
    alone = np.concatenate([apply(variables, half) for half in halves], axis=2)
    assert np.abs(alone - whole).max() > 1e-2
