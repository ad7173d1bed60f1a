"""Distances between two sets of features: FID and KID, in float64."""

import numpy as np
from scipy import linalg


def fid(features_a: np.ndarray, features_b: np.ndarray) -> float:
    """Frechet distance of two Gaussians fitted to the features (Heusel et al. 2017).

    |mean_a - mean_b|^2 + tr(C_a) + tr(C_b) - 2 tr((C_a C_b)^(1/2)), C with denominator n - 1. The
    last trace is the sum of the singular values of A B^T for any A^T A = C_a, B^T B = C_b: no
    square root of a nearly singular product is taken, also not where n is below D. Biased
    upwards for few patches: compare only sets of one size.

    Args:
      features_a, features_b: (N, D), (N', D), two rows or more each.

    Raises:
      ValueError: other shapes, or values that are not finite.
    """
    a, b = _checked(features_a, features_b, rows=2)
    factor_a, factor_b = _covariance_factor(a), _covariance_factor(b)
    shift = np.sum((a.mean(0) - b.mean(0)) ** 2)
    common = linalg.svdvals(factor_a @ factor_b.T).sum()
    return float(shift + np.sum(factor_a**2) + np.sum(factor_b**2) - 2 * common)


def kid(
    features_a: np.ndarray,
    features_b: np.ndarray,
    *,
    subsets: int = 100,
    subset_size: int = 1000,
    seed: int = 2020,
) -> tuple[float, float]:
    """Kernel distance (Binkowski et al. 2018): unbiased squared MMD, kernel (x.y / D + 1)^3.

    Mean over random subsets, drawn as torch-fidelity draws them. Subsets are no larger than half
    of the smaller set: unbiased at every size, so values stay comparable, and their spread s gives
    the standard error as s * sqrt(m / (n - m)) (the delete-d jackknife, Shao and Wu 1989; m of n
    rows a subset). It takes patches for independent; overlapping ones of one picture are not, so
    over few pictures it is too small.

    Args:
      features_a, features_b: (N, D), (N', D), four rows or more each.
      subsets: how many, at least two.
      subset_size: rows of a subset, at most.
      seed: of the draws.

    Returns:
      the distance (may be negative) and its standard error.

    Raises:
      ValueError: other shapes, fewer than two subsets, or values that are not finite.
    """
    a, b = _checked(features_a, features_b, rows=4)
    if subsets < 2 or subset_size < 2:
        raise ValueError(f"KID needs two subsets of two rows, got {subsets} of {subset_size}")
    rows = min(len(a), len(b))
    size = min(subset_size, rows // 2)
    draws = np.random.RandomState(seed)
    values = []
    for _ in range(subsets):
        chosen_a = draws.choice(len(a), size, replace=False)
        chosen_b = draws.choice(len(b), size, replace=False)
        values.append(squared_mmd(a[chosen_a], b[chosen_b]))
    error = np.std(values, ddof=1) * np.sqrt(size / (rows - size))
    return float(np.mean(values)), float(error)


def squared_mmd(a: np.ndarray, b: np.ndarray) -> float:
    """Unbiased squared maximum mean discrepancy of two float64 sets, kernel (x.y / D + 1)^3."""
    within = sum(_mean_off_diagonal(_kernel(x, x)) for x in (a, b))
    return float(within - 2 * _kernel(a, b).mean())


def _kernel(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return (a @ b.T / a.shape[1] + 1) ** 3


def _mean_off_diagonal(kernel: np.ndarray) -> float:
    n = len(kernel)
    return (kernel.sum() - np.trace(kernel)) / (n * (n - 1))


def _covariance_factor(features: np.ndarray) -> np.ndarray:
    """A with A^T A the covariance, of at most D rows."""
    centred = (features - features.mean(0)) / np.sqrt(len(features) - 1)
    rows, width = centred.shape
    return linalg.qr(centred, mode="r")[0][:width] if rows > width else centred


def _checked(a: np.ndarray, b: np.ndarray, rows: int) -> tuple[np.ndarray, np.ndarray]:
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[1] or min(len(a), len(b)) < rows:
        raise ValueError(
            f"need two sets of features of one width and {rows} rows or more, got {a.shape} and "
            f"{b.shape}"
        )
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        raise ValueError("features that are not finite")
    return a, b
