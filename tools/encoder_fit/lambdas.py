"""Lambda of each quality: what a bit is worth where that quality is the one to take.

At a given lambda, error + lambda x bits says which quality is best. Two neighbours cost the same at
the slope of squared error against bits from one to the other, both encoded at just this lambda;
below it the higher quality is the better one, above it the lower. A quality's lambda lies in the
middle, in logarithms, of the range in which no neighbour is better.
"""

import math
from collections.abc import Callable, Sequence

import numpy as np
from encoder_fit.trials import Outcome

_CLOSE = 0.02  # relative change of a crossing between two passes that ends them


def crossing(
    lower: Callable[[float], Outcome],
    higher: Callable[[float], Outcome],
    start: float,
    passes: int = 6,
) -> float:
    """Lambda at which two neighbouring qualities cost the same; nan if the higher is of no use.

    Args:
      lower, higher: pictures at the two qualities, by lambda.
      start: first guess of it, >= 0.
      passes: how often at most the slope is measured, each time where the last one said.
    """
    weight = start
    for _ in range(passes):
        cheap, good = lower(weight), higher(weight)
        bits, gain = good.bits - cheap.bits, cheap.error - good.error
        if bits <= 0 or gain <= 0:
            return math.nan
        before, weight = weight, gain / bits
        if abs(weight - before) < _CLOSE * weight:
            break
    return weight


def middles(crossings: Sequence[float]) -> list[float]:
    """Lambdas of qualities 1..M from the M - 1 crossings between them, falling.

    Crossings that are nan are taken from their neighbours. The outermost ranges have one end only;
    they count as wide as the ranges beside them.

    Raises:
      ValueError: no crossing is known.
    """
    logs = np.log(np.asarray(crossings, float))
    known = np.flatnonzero(np.isfinite(logs))
    if not len(known):
        raise ValueError("no quality is better than the one below it")
    logs = np.interp(np.arange(len(logs)), known, logs[known])
    first, last = (0.0, 0.0) if len(logs) == 1 else (logs[0] - logs[1], logs[-1] - logs[-2])
    ends = np.concatenate([[logs[0] + first], logs, [logs[-1] + last]])
    return sorted(np.exp((ends[:-1] + ends[1:]) / 2).tolist(), reverse=True)
