"""Bits under fixed frequencies."""

import numpy as np
import pytest

from pqmim_jax.coding import static_bits


def test_static_bits_under_uniform_counts_are_log2_k():
    indices = np.random.default_rng(0).integers(0, 16, (3, 5, 2))
    assert static_bits(np.full((4, 16), 1000), indices) == pytest.approx(3 * 5 * 2 * 4)


def test_static_bits_use_each_codebooks_own_frequencies():
    counts = np.array([[3 * 2**20, 2**20], [2**20, 3 * 2**20]])
    zeros = np.zeros((1, 1, 2), np.int64)
    assert static_bits(counts, zeros) == pytest.approx(np.log2(4 / 3) + 2, abs=1e-3)
    assert static_bits(counts, zeros[..., :1]) == pytest.approx(np.log2(4 / 3), abs=1e-3)
