"""Curvature of each quality: how far a step of refinement goes, by what it is for."""

from collections.abc import Callable

RATIO = 2 ** (1 / 3)  # between the curvatures that are tried
MOST = 1000.0


def cheapest(cost: Callable[[float], float], start: float) -> float:
    """The curvature of least cost among `start` x `RATIO`**n, by walking downhill.

    Args:
      cost: squared error + lambda x bits with a curvature; has one valley.
      start: where the walk begins, > 0. Above `MOST` it never goes.
    """
    best = start
    for ratio in (RATIO, 1 / RATIO):
        while best * ratio <= MOST and cost(best * ratio) < cost(best):
            best *= ratio
        if best != start:
            break
    return best
