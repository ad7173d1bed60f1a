"""Means, intervals and paired differences over seeds and pictures.

Values form a table (seeds, pictures): every trained MIM is measured on every picture. Seeds are
the unit of training variance, pictures that of content. Intervals resample both, rows and columns
independently (the pigeonhole bootstrap, Owen 2007, "The pigeonhole bootstrap", which for such
crossed data never understates the variance in the limit): with few seeds, two or three, the part
of the seeds is coarse, so their standard deviation stands beside every interval.
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Estimate:
    """A mean over seeds and pictures."""

    mean: float
    low: float  # ends of the confidence interval
    high: float
    seed_deviation: float  # standard deviation of the seeds' means; nan for one seed


def estimate(values: np.ndarray, *, confidence: float, resamples: int, seed: int = 0) -> Estimate:
    """Mean with its bootstrap percentile interval.

    Args:
      values: float (seeds, pictures), both >= 1.
      confidence: in (0, 1), such as 0.95.
      resamples: number of bootstrap samples, >= 1.
      seed: of the resampling; equal seeds draw equal samples, whatever the values.

    Raises:
      ValueError: an argument out of its range.
    """
    values = np.asarray(values, np.float64)
    if values.ndim != 2 or 0 in values.shape:
        raise ValueError(f"values must be (seeds, pictures), got {values.shape}")
    if not 0 < confidence < 1 or resamples < 1:
        raise ValueError(
            f"confidence must be in (0, 1) and resamples >= 1, got {confidence}, {resamples}"
        )
    means = _resampled_means(values, resamples, np.random.default_rng(seed))
    tail = (1 - confidence) / 2
    low, high = np.quantile(means, [tail, 1 - tail])
    per_seed = values.mean(1)
    deviation = float(per_seed.std(ddof=1)) if len(per_seed) > 1 else float("nan")
    return Estimate(float(values.mean()), float(low), float(high), deviation)


def paired(values: np.ndarray, reference: np.ndarray, **options) -> Estimate:
    """`estimate` of values - reference: the same seed on the same picture.

    Args:
      values, reference: float (seeds, pictures), seeds and pictures in the same order.
      options: as of `estimate`.

    Raises:
      ValueError: shapes differ, or as `estimate`.
    """
    if np.shape(values) != np.shape(reference):
        raise ValueError(f"pairs need equal shapes, got {np.shape(values)}, {np.shape(reference)}")
    return estimate(np.asarray(values) - np.asarray(reference), **options)


def _resampled_means(values: np.ndarray, resamples: int, rng: np.random.Generator) -> np.ndarray:
    """(resamples,) means of tables with rows and columns drawn with replacement."""
    rows, columns = values.shape
    # How often each row and column is drawn: the mean is then a product of weights.
    row_weights = rng.multinomial(rows, np.full(rows, 1 / rows), resamples) / rows
    column_weights = rng.multinomial(columns, np.full(columns, 1 / columns), resamples) / columns
    return np.einsum("br,rc,bc->b", row_weights, values, column_weights, optimize=True)
