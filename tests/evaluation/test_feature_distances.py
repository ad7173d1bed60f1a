import numpy as np
import pytest
from scipy import linalg

from pqmim_jax.evaluation.feature_distances import fid, kid, squared_mmd


def gaussian(rows, width, seed, shift=0.0, scale=1.0):
    return shift + scale * np.random.default_rng(seed).normal(size=(rows, width))


def test_fid_of_equal_sets_is_zero_and_of_a_shift_its_square():
    a = gaussian(50, 8, 0)
    assert fid(a, a) == pytest.approx(0, abs=1e-10)
    assert fid(a, a + 3) == pytest.approx(8 * 9)
    assert fid(a, 2 * a - a.mean(0)) == pytest.approx(np.trace(np.cov(a.T)))


@pytest.mark.parametrize(("rows", "other_rows", "width"), [(60, 50, 6), (9, 12, 6), (200, 3, 6)])
def test_fid_is_the_formula_with_a_matrix_square_root(rows, other_rows, width):
    a, b = gaussian(rows, width, 1), gaussian(other_rows, width, 2, 0.5, 1.7)
    cov_a, cov_b = np.cov(a.T), np.cov(b.T)
    half = linalg.sqrtm(cov_a).real
    common = np.sqrt(np.maximum(linalg.eigvalsh(half @ cov_b @ half), 0)).sum()
    expected = np.sum((a.mean(0) - b.mean(0)) ** 2) + np.trace(cov_a + cov_b) - 2 * common
    assert fid(a, b) == pytest.approx(expected, rel=1e-6)
    assert fid(b, a) == pytest.approx(expected, rel=1e-6)


def test_fid_takes_fewer_patches_than_features():
    a, b = gaussian(5, 40, 3), gaussian(7, 40, 4)
    assert np.isfinite(fid(a, b))
    assert fid(a, a[::-1]) == pytest.approx(0, abs=1e-10)


def test_squared_mmd_is_its_definition_written_out():
    a, b = gaussian(5, 3, 5), gaussian(4, 3, 6, 0.4)

    def kernel(x, y):
        return (sum(p * q for p, q in zip(x, y, strict=True)) / 3 + 1) ** 3

    def within(x):
        others = [kernel(x[i], x[j]) for i in range(len(x)) for j in range(len(x)) if i != j]
        return sum(others) / len(others)

    across = np.mean([kernel(x, y) for x in a for y in b])
    assert squared_mmd(a, b) == pytest.approx(within(a) + within(b) - 2 * across)


def test_kid_is_zero_on_average_for_two_samples_of_one_distribution():
    values = [kid(gaussian(60, 4, 2 * i), gaussian(60, 4, 2 * i + 1))[0] for i in range(40)]
    assert abs(np.mean(values)) < 3 * np.std(values) / np.sqrt(len(values))


@pytest.mark.parametrize("subset_size", [20, 1000])
def test_the_standard_error_of_kid_is_the_spread_over_new_samples(subset_size):
    found = [
        kid(gaussian(120, 4, 2 * i), gaussian(120, 4, 2 * i + 1, 0.5), subset_size=subset_size)
        for i in range(60)
    ]
    values, errors = np.transpose(found)
    assert np.mean(errors) == pytest.approx(np.std(values), rel=0.35)


def test_kid_repeats_itself_and_takes_another_seed():
    a, b = gaussian(30, 4, 7), gaussian(40, 4, 8)
    assert kid(a, b) == kid(a, b)
    assert kid(a, b) != kid(a, b, seed=1)


@pytest.mark.parametrize("distance", [fid, kid])
@pytest.mark.parametrize(
    ("a", "b", "message"),
    [
        (np.zeros((9, 3)), np.zeros((9, 4)), "one width"),
        (np.zeros((9, 3)), np.zeros((1, 3)), "rows or more"),
        (np.zeros(9), np.zeros(9), "two sets of features"),
        (np.full((9, 3), np.nan), np.zeros((9, 3)), "not finite"),
    ],
)
def test_features_that_cannot_be_compared(distance, a, b, message):
    with pytest.raises(ValueError, match=message):
        distance(a, b)


def test_kid_refuses_a_single_subset():
    with pytest.raises(ValueError, match="two subsets"):
        kid(gaussian(9, 2, 0), gaussian(9, 2, 1), subsets=1)
