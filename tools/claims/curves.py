"""Rate-distortion curves out of an evaluation document, and intervals by resampling its pictures.

Confidence intervals are bootstrap ones over pictures (Efron 1979): the same pictures for every
codec, so differences are paired.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

DRAWS = 1000
LEVEL = 0.95


@dataclass(frozen=True)
class Interval:
    """A statistic, and where 95% of its values on resampled pictures lie."""

    value: float
    low: float
    high: float


class Curve:
    """What one codec measured: metric arrays (settings, pictures)."""

    def __init__(self, document: dict, codec: str, settings: Sequence[str] | None = None):
        """Takes the settings named, or all, of `codec`.

        Raises:
          ValueError: the document has no such codec, or a picture lacks a setting.
        """
        records = [record for record in document["images"] if record["codec"] == codec]
        if not records:
            raise ValueError(f"the evaluation has no codec {codec!r}")
        self.settings = list(settings or dict.fromkeys(record["setting"] for record in records))
        self.files = sorted({record["file"] for record in records})
        self._by_place = {(record["setting"], record["file"]): record for record in records}

    def metric(self, name: str) -> np.ndarray:
        """float64 (settings, pictures)."""
        try:
            return np.array(
                [[self._by_place[s, f][name] for f in self.files] for s in self.settings], float
            )
        except KeyError as error:
            raise ValueError(f"the evaluation lacks {error}") from error

    def points(self, name: str, chosen: np.ndarray) -> list[tuple[float, float]]:
        """(bpp, metric) of each setting: means over the pictures of index `chosen`."""
        rates, values = self.metric("bpp")[:, chosen], self.metric(name)[:, chosen]
        return list(zip(rates.mean(1).tolist(), values.mean(1).tolist(), strict=True))


def interval(pictures: int, statistic: Callable[[np.ndarray], float]) -> Interval | None:
    """`statistic` of picture indices, with its interval.

    None where the statistic is not defined (ValueError) on all the pictures, or on more than one
    in twenty of the resampled sets: curves that do not overlap.
    """
    try:
        value = statistic(np.arange(pictures))
    except ValueError:
        return None
    rng, values = np.random.default_rng(0), []
    for _ in range(DRAWS):
        try:
            values.append(statistic(rng.integers(pictures, size=pictures)))
        except ValueError:
            continue
    if len(values) < 0.95 * DRAWS:
        return None
    low, high = np.quantile(values, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(float(value), float(low), float(high))


def mean_gap(
    reference: Sequence[tuple[float, float]], other: Sequence[tuple[float, float]]
) -> float:
    """Mean of `other` - `reference` over the rates, on a log axis, that both curves reach.

    Args:
      reference, other: (bpp, metric) points; straight lines in (log bpp, metric) between them.

    Raises:
      ValueError: no rate in common.
    """
    (rates_a, values_a), (rates_b, values_b) = (
        np.array(sorted(points)).T for points in (reference, other)
    )
    low, high = max(rates_a[0], rates_b[0]), min(rates_a[-1], rates_b[-1])
    if low > high:
        raise ValueError(f"no rate in common ({low:.4f} to {high:.4f} bpp)")
    grid = np.linspace(np.log(low), np.log(high), 101)
    gap = np.interp(grid, np.log(rates_b), values_b) - np.interp(grid, np.log(rates_a), values_a)
    return float(gap.mean())
