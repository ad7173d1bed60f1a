"""Bits under fixed frequencies."""

import numpy as np
import pytest

from pqmim_jax.coding import counts_at, counts_of_all, static_bits


def test_static_bits_under_uniform_counts_are_log2_k():
    indices = np.random.default_rng(0).integers(0, 16, (3, 5, 2))
    assert static_bits(np.full((4, 16), 1000), indices) == pytest.approx(3 * 5 * 2 * 4)


def test_static_bits_use_each_codebooks_own_frequencies():
    counts = np.array([[3 * 2**20, 2**20], [2**20, 3 * 2**20]])
    zeros = np.zeros((1, 1, 2), np.int64)
    assert static_bits(counts, zeros) == pytest.approx(np.log2(4 / 3) + 2, abs=1e-3)
    assert static_bits(counts, zeros[..., :1]) == pytest.approx(np.log2(4 / 3), abs=1e-3)


def test_counts_by_quality_are_those_of_as_many_indices_as_there_are():
    even, skewed = [2**20, 2**20], [3 * 2**20, 2**20]
    counts = np.array([[skewed, [0, 0]], [even, skewed]])
    zeros = np.zeros((1, 1, 2), np.int64)
    assert static_bits(counts, zeros[..., :1]) == pytest.approx(np.log2(4 / 3), abs=1e-3)
    assert static_bits(counts, zeros) == pytest.approx(1 + np.log2(4 / 3), abs=1e-3)
    np.testing.assert_array_equal(counts_at(counts, 1), [skewed, [0, 0]])
    np.testing.assert_array_equal(counts_of_all(counts), [[4 * 2**20, 2**21], skewed])
    for of in (counts_of_all, lambda counts: counts_at(counts, 1)):
        np.testing.assert_array_equal(of(counts[1]), counts[1])
