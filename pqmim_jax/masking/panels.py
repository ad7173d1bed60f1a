"""What of a schedule is drawn: one flat map of stages for sub-quantizers that share it."""

import itertools
from dataclasses import dataclass

import numpy as np

from pqmim_jax.masking.schedules import canonical, stage_map

# Dark to light: five stops of the viridis colour map (van der Walt and Smith 2015).
_STOPS = np.array([(68, 1, 84), (59, 82, 139), (33, 145, 140), (94, 201, 98), (253, 231, 37)])
_INK = (32, 32, 36)
_PAPER = (255, 255, 255)


@dataclass(frozen=True)
class Panel:
    """A drawn map."""

    title: str  # canonical spec, and which sub-quantizers where not all are alike
    stages: np.ndarray  # (h, w) int32
    known: np.ndarray  # (S,) int64: indices known after each stage of the whole schedule


def panels_of(spec: str, grid: tuple[int, int, int]) -> list[Panel]:
    """A panel for every run of sub-quantizers that are coded in the same stages.

    Raises:
      ValueError: as `stage_map`.
    """
    stages = stage_map(spec, grid)
    m = stages.shape[-1]
    known = np.cumsum(np.bincount(stages.ravel()))
    changes = (stages[..., 1:] != stages[..., :-1]).any((0, 1))
    starts = [0, *(np.flatnonzero(changes) + 1).tolist(), m]
    panels = []
    for first, end in itertools.pairwise(starts):
        which = f"{first + 1}" if end == first + 1 else f"{first + 1} to {end}"
        title = canonical(spec) + ("" if end - first == m else f", sub-quantizer {which}")
        panels.append(Panel(title, stages[..., first], known))
    return panels


def stage_colour(stage: int, count: int) -> tuple[int, int, int]:
    """RGB 0..255 of a stage, dark for the first and light for the last of `count`."""
    at = 0 if count == 1 else stage / (count - 1) * (len(_STOPS) - 1)
    stops = range(len(_STOPS))
    return tuple(round(float(np.interp(at, stops, channel))) for channel in _STOPS.T)


def text_colour(background: tuple[int, int, int]) -> tuple[int, int, int]:
    """RGB of letters that can be read on `background`."""
    luma = np.dot(background, (0.299, 0.587, 0.114))
    return _INK if luma > 120 else _PAPER
