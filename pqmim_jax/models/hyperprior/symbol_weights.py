"""How often each symbol of an entropy coder is to be expected, as integers; NumPy only.

Made once, when a model is saved, and kept with it: the coder's tables come from these by integer
arithmetic, so that no two machines can disagree about them.
"""

import math
from typing import NamedTuple

import numpy as np

SCALE_LEVELS = 64
SMALLEST_SCALE = 0.11  # as in Ballé et al.'s public code
LARGEST_SCALE = 128.0
"""Scales of Gaussians are one of 64, from 0.11 to 128 quantization steps, evenly in log scale."""

_TOTAL = 1 << 24
_SHARE_KEPT = 2.0**-17  # a symbol less likely is left to the escape
_TAIL = 4.5  # deviations
_LARGEST_HYPER_SYMBOL = 255


class SymbolWeights(NamedTuple):
    """Weights of several alphabets. Alphabet t: symbols low..high, then the escape.

    The escape stands for all other integers; what it hides is coded behind it.
    """

    bounds: np.ndarray  # (T, 2) int32: low <= high
    weights: np.ndarray  # (sum of high - low + 2,) int64 >= 0: alphabets one after another


def log_scale_step() -> float:
    """Difference of the logarithms of neighbouring scales."""
    return math.log(LARGEST_SCALE / SMALLEST_SCALE) / (SCALE_LEVELS - 1)


def gaussian_weights() -> SymbolWeights:
    """Of N(0, scale^2) on [k - 1/2, k + 1/2], for the `SCALE_LEVELS` scales, narrowest first."""
    alphabets = []
    for level in range(SCALE_LEVELS):
        scale = SMALLEST_SCALE * math.exp(level * log_scale_step())
        high = math.ceil(_TAIL * scale)
        upper = [math.erfc((k - 0.5) / (scale * math.sqrt(2))) / 2 for k in range(high + 2)]
        half = [upper[k] - upper[k + 1] for k in range(high + 1)]
        alphabets.append((-high, [*half[:0:-1], *half]))
    return _pack(alphabets)


def density_weights(mass: np.ndarray) -> SymbolWeights:
    """Of the symbols -L..L of several densities, cut to the likely ones.

    Args:
      mass: (T, 2L + 1) float, probabilities.
    """
    largest = (mass.shape[-1] - 1) // 2
    alphabets = []
    for row in mass.astype(np.float64):
        likely = np.flatnonzero(row > _SHARE_KEPT)
        first, last = (likely[0], likely[-1]) if likely.size else (largest, largest)
        alphabets.append((first - largest, row[first : last + 1]))
    return _pack(alphabets)


def hyper_symbols() -> np.ndarray:
    """Symbols whose mass `density_weights` wants: -255..255."""
    return np.arange(-_LARGEST_HYPER_SYMBOL, _LARGEST_HYPER_SYMBOL + 1)


def _pack(alphabets) -> SymbolWeights:
    bounds, weights = [], []
    for low, mass in alphabets:
        mass = np.asarray(mass)
        bounds.append((low, low + len(mass) - 1))
        escape = max(1 - mass.sum(), 0)
        weights.append(np.rint(np.append(mass, escape) * _TOTAL))
    return SymbolWeights(np.array(bounds, np.int32), np.concatenate(weights).astype(np.int64))
