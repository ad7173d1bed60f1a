"""The compiled tables equal the NumPy reference bit by bit."""

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pqmim_jax import coding
from pqmim_jax.codec.tables import cumulative_table

COMPILED = jax.jit(cumulative_table)


def reference(fixed):
    return coding.cumulative(coding.frequencies(fixed))


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from([1, 2, 3, 16, 256, 1000, 4096]),
    st.sampled_from([0.0, 0.1, 3.0, 40.0, 1e4, 1e7]),
    st.integers(0, 2**31),
)
def test_equals_numpy_reference(k, scale, seed):
    drawn = (np.random.default_rng(seed).normal(size=(4, k)) * scale).astype(np.float32)
    logits = coding.quantize_logits(drawn)
    np.testing.assert_array_equal(np.asarray(COMPILED(logits)), reference(logits))


def test_ties_go_to_the_first():
    logits = np.array([[5, 9, 9, 1], [0, 0, 0, 0]], np.int32)
    np.testing.assert_array_equal(np.asarray(COMPILED(logits)), reference(logits))


@pytest.mark.parametrize("k", [1, 7, 4096])
def test_tables_are_proper_distributions(k):
    logits = np.random.default_rng(k).integers(-200, 200, (3, k), np.int32)
    table = np.asarray(COMPILED(logits)).astype(np.int64)
    assert (table[:, 0] == 0).all() and (table[:, -1] == 2**16).all()
    assert (np.diff(table) >= 1).all()
