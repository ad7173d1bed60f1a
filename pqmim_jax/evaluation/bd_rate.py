"""Bjontegaard's difference of rate between two rate-distortion curves (VCEG-M33, 2001)."""

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


def _log_rate_of_psnr(points: Sequence[Point]) -> PchipInterpolator:
    rates, psnrs = np.array(sorted(points)).T
    if len(rates) < 2 or (np.diff(psnrs) <= 0).any():
        raise ValueError(f"a curve needs two points or more, rising in rate and PSNR: {points}")
    return PchipInterpolator(psnrs, np.log(rates))
