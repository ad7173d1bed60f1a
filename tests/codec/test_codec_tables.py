"""The compiled tables equal the NumPy reference bit by bit."""

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pqmim_jax import coding
from pqmim_jax.codec.tables import cumulative_table

COMPILED = jax.jit(cumulative_table)


def reference(logits):
    return coding.cumulative(coding.frequencies(coding.quantize_logits(logits)))


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from([1, 2, 3, 16, 256, 1000, 4096]),
    st.sampled_from([0.0, 0.1, 3.0, 40.0, 1e4, 1e7]),
    st.integers(0, 2**31),
)
def test_equals_numpy_reference(k, scale, seed):
    logits = (np.random.default_rng(seed).normal(size=(4, k)) * scale).astype(np.float32)
    np.testing.assert_array_equal(np.asarray(COMPILED(logits)), reference(logits))


def test_ties_and_halves_round_alike():
    logits = (np.arange(-64, 64, dtype=np.float32) / 32).reshape(2, 64)  # every half step
    np.testing.assert_array_equal(np.asarray(COMPILED(logits)), reference(logits))


@pytest.mark.parametrize("k", [1, 7, 4096])
def test_tables_are_proper_distributions(k):
    logits = np.random.default_rng(k).normal(size=(3, k)).astype(np.float32) * 5
    table = np.asarray(COMPILED(logits)).astype(np.int64)
    assert (table[:, 0] == 0).all() and (table[:, -1] == 2**16).all()
    assert (np.diff(table) >= 1).all()
