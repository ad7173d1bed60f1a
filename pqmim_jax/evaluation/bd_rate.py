"""Bjontegaard's differences of rate and quality between rate-distortion curves (VCEG-M33, 2001)."""

from collections.abc import Sequence

import numpy as np
from scipy.interpolate import PchipInterpolator

Point = tuple[float, float]  # (bits per pixel, PSNR in dB)


def bd_rate(reference: Sequence[Point], other: Sequence[Point]) -> tuple[float, Point]:
    """How many bits `other` needs more than `reference` at equal PSNR, on average.

    Log rate as a piecewise cubic (PCHIP) function of PSNR, its mean difference over the PSNRs
    that both curves reach.

    Args:
      reference, other: at least two points each, PSNR and rate rising together.

    Returns:
      the difference as a share (-0.1: ten percent fewer bits), and the range of PSNR it is over.

    Raises:
      ValueError: too few points, a curve that does not rise, or no common range.
    """
    curves = [_log_rate_of_psnr(points) for points in (reference, other)]
    low = max(curve.x[0] for curve in curves)
    high = min(curve.x[-1] for curve in curves)
    if not low < high:
        raise ValueError(f"the curves have no PSNR in common ({low:.2f} to {high:.2f} dB)")
    means = [curve.integrate(low, high) / (high - low) for curve in curves]
    return float(np.expm1(means[1] - means[0])), (float(low), float(high))


def bd_quality(reference: Sequence[Point], other: Sequence[Point]) -> tuple[float, Point]:
    """How much better `other` is than `reference` at equal rate, on average: BD-PSNR.

    Quality as a piecewise cubic (PCHIP) function of log rate, its mean difference over the rates
    that both curves reach. Works alike for other qualities that rise with the rate.

    Args:
      reference, other: at least two points each, quality and rate rising together.

    Returns:
      the difference in the quality's unit (dB of PSNR; positive: `other` is better), and the
      range of rates it is over.

    Raises:
      ValueError: too few points, a curve that does not rise, or no common range.
    """
    curves = [_quality_of_log_rate(points) for points in (reference, other)]
    low = max(curve.x[0] for curve in curves)
    high = min(curve.x[-1] for curve in curves)
    if not low < high:
        raise ValueError(
            f"the curves have no rate in common ({np.exp(low):.3g} to {np.exp(high):.3g})"
        )
    means = [curve.integrate(low, high) / (high - low) for curve in curves]
    return float(means[1] - means[0]), (float(np.exp(low)), float(np.exp(high)))


def _log_rate_of_psnr(points: Sequence[Point]) -> PchipInterpolator:
    rates, psnrs = _rising(points)
    return PchipInterpolator(psnrs, np.log(rates))


def _quality_of_log_rate(points: Sequence[Point]) -> PchipInterpolator:
    rates, qualities = _rising(points)
    return PchipInterpolator(np.log(rates), qualities)


def _rising(points: Sequence[Point]) -> tuple[np.ndarray, np.ndarray]:
    rates, qualities = np.array(sorted(points)).T
    rises = (np.diff(qualities) > 0).all() and (np.diff(rates) > 0).all()
    if len(rates) < 2 or rates[0] <= 0 or not rises:
        raise ValueError(f"a curve needs two points or more, rising in rate and PSNR: {points}")
    return rates, qualities
