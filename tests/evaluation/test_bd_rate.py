"""Bjontegaard's differences: values known in closed form."""

import numpy as np
import pytest

from pqmim_jax.evaluation.bd_rate import bd_quality, bd_rate

CURVE = [(0.1, 25.0), (0.2, 28.0), (0.4, 31.0), (0.8, 33.5)]


@pytest.mark.parametrize("factor", [0.5, 0.9, 1.0, 1.3])
def test_a_constant_factor_of_the_rate_is_found(factor):
    other = [(rate * factor, psnr) for rate, psnr in CURVE]
    share, overlap = bd_rate(CURVE, other)
    assert share == pytest.approx(factor - 1, abs=1e-12)
    assert overlap == (25.0, 33.5)


def test_only_the_common_range_counts():
    line = [(np.exp(0.2 * psnr), psnr) for psnr in (20, 22, 24, 26)]
    steeper = [(np.exp(0.1 * psnr), psnr) for psnr in (22, 25, 28, 30)]
    share, overlap = bd_rate(line, steeper)
    assert overlap == (22.0, 26.0)
    assert share == pytest.approx(np.exp(-0.1 * 24) - 1)


def test_bits_saved_one_way_are_needed_the_other_way():
    other = [(0.12, 24.0), (0.3, 30.0), (0.9, 34.0)]
    there, _ = bd_rate(CURVE, other)
    back, _ = bd_rate(other, CURVE)
    assert (1 + there) * (1 + back) == pytest.approx(1)


@pytest.mark.parametrize(
    ("points", "message"),
    [
        ([(0.1, 30.0)], "two points or more"),
        ([(0.1, 30.0), (0.2, 29.0)], "rising in rate and PSNR"),
        ([(0.1, 40.0), (0.2, 41.0)], "no PSNR in common"),
    ],
)
def test_curves_that_cannot_be_compared(points, message):
    with pytest.raises(ValueError, match=message):
        bd_rate(CURVE, points)


@pytest.mark.parametrize("decibels", [-1.5, 0.0, 0.25])
def test_a_constant_difference_of_quality_is_found(decibels):
    other = [(rate, psnr + decibels) for rate, psnr in CURVE]
    difference, overlap = bd_quality(CURVE, other)
    assert difference == pytest.approx(decibels, abs=1e-12)
    assert overlap == pytest.approx((0.1, 0.8))


def test_only_the_common_rates_count_for_quality():
    line = [(np.exp(x), 20 + 2 * x) for x in (0, 1, 2, 3)]
    flatter = [(np.exp(x), 21 + x) for x in (1, 2, 4)]
    difference, overlap = bd_quality(line, flatter)
    assert overlap == pytest.approx((np.exp(1), np.exp(3)))
    assert difference == pytest.approx(1 - 2)
    assert bd_quality(flatter, line)[0] == pytest.approx(2 - 1)


@pytest.mark.parametrize(
    ("points", "message"),
    [
        ([(0.1, 30.0)], "two points or more"),
        ([(0.1, 30.0), (0.2, 29.0)], "rising in rate and PSNR"),
        ([(0.0, 30.0), (0.2, 31.0)], "rising in rate and PSNR"),
        ([(0.2, 30.0), (0.2, 31.0)], "rising in rate and PSNR"),
        ([(2, 30.0), (3, 31.0)], "no rate in common"),
    ],
)
def test_curves_whose_quality_cannot_be_compared(points, message):
    with pytest.raises(ValueError, match=message):
        bd_quality(CURVE, points)
