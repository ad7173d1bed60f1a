"""Tables of exponentials for attention, of a kind that ONNX Runtime has a fast operation for.

Attention looks up some 600,000 weights a layer. Of the operations that ONNX Runtime has for it, one
is several times faster than the others: a sigmoid of bytes, which it computes once for each byte
and then looks up. Far below its middle a sigmoid is an exponential within a hundredth, so a table
is defined as such a sigmoid. Runtimes compute it with errors of 1e-7; its scale is chosen such that
no entry lies near a tie of the rounding, and the table is what is stored, whoever computes it.
"""

import math
from typing import NamedTuple

import numpy as np

_POINT = 4.4  # nats below the sigmoid's middle that a table ends
_LARGEST_BYTE = 255
_MARGIN = 0.005  # of an entry from a tie; errors of a runtime are a third of it
_NEIGHBOURS = np.linspace(-1, 1, 2001)


class Sigmoid(NamedTuple):
    """Entry i of a table is round(sigmoid((i - zero) * scale) / unit)."""

    scale: np.float32
    zero: int
    unit: np.float32


def sigmoid_table(per_nat: float, top: int) -> np.ndarray:
    """Rising table for weights of attention.

    Args:
      per_nat: steps of a logit in one nat, at most 23.
      top: the last entry, at most 255.

    Returns:
      (n,) int64, n <= 256: entry n - 1 - i is about top * exp(-i / per_nat); the first is 0.
    """
    count = math.ceil(per_nat * math.log(2 * top)) + 2
    _, values = _near(per_nat, 0.004, count, top)
    table = np.rint(values[np.argmax(_margins(values))]).astype(np.int64)
    table[0] = 0
    return table


def as_sigmoid(table: np.ndarray) -> Sigmoid | None:
    """The one that gives a table (n,) of entries from 0 to 255 wherever it is computed, if any."""
    count, top = len(table), int(table[-1])
    half = count - 1 - int(np.searchsorted(table, top / 2))
    if half < 1 or table[0] != 0:
        return None
    per_nat = (half - 0.5) / math.log(2)
    for width in (0.2, 0.02):
        tried, values = _near(per_nat, width, count, top)
        per_nat = tried[np.argmin(np.square(values - table).sum(-1))]
    tried, values = _near(per_nat, 0.006, count, top)
    margins = np.where((np.rint(values) == table).all(-1), _margins(values), 0)
    scale, zero, unit = _of(tried[np.argmax(margins)], count, top)
    found = margins.max() > _MARGIN and zero <= _LARGEST_BYTE
    return Sigmoid(np.float32(scale), int(zero), np.float32(unit)) if found else None


def _near(per_nat: float, width: float, count: int, top: int) -> tuple[np.ndarray, np.ndarray]:
    """(c,) neighbours of a number of steps in one nat, (c, count) entries before rounding."""
    tried = per_nat * (1 + width * _NEIGHBOURS)
    scale, zero, unit = _of(tried[:, None], count, top)
    x = (np.arange(count) - zero) * scale
    return tried, 1 / (1 + np.exp(-x)) / unit


def _margins(values: np.ndarray) -> np.ndarray:
    """(c, n) -> (c,): how far the closest to a tie is from it."""
    return np.abs(values - np.floor(values) - 0.5).min(-1)


def _of(per_nat, count: int, top: int) -> tuple:
    """Scale, zero and unit, as float32 holds them, of tables that fall by e in `per_nat` steps."""
    beyond = np.rint(_POINT * per_nat)
    unit = 1 / (1 + np.exp(beyond / per_nat)) / top
    scale, unit = (np.float64(np.float32(each)) for each in (1 / per_nat, unit))
    return scale, count - 1 + beyond, unit
