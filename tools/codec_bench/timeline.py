"""When which part of the codec was at work, over all threads."""

import functools
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from unittest import mock

CODER, OTHER = "rANS coder", "other work of the host"
LOADING = "programs from the disk cache"
_OF_THE_MIM = {"context": "MIM contexts", "head": "MIM head and tables"}
_OF_REGIONS = {
    "encode": "encoder network",
    "decode": "decoder network",
    "filter": "post-filter",
    "correct": "refinement",
}
_LABELS = _OF_THE_MIM | _OF_REGIONS


class Timeline:
    """Collects intervals by name; several threads may be inside one at once."""

    def __init__(self):
        """Nothing has happened yet."""
        self._intervals: dict[str, list[tuple[float, float]]] = defaultdict(list)
        self._lock = threading.Lock()

    def timed(self, name: str, run: Callable) -> Callable:
        """`run`, its calls recorded under `name`."""

        @functools.wraps(run)
        def recorded(*args, **kwargs):
            began = time.perf_counter()
            try:
                return run(*args, **kwargs)
            finally:
                with self._lock:
                    self._intervals[name].append((began, time.perf_counter()))

        return recorded

    def seconds(self) -> dict[str, float]:
        """Of each name, the time in which at least one of its calls was under way."""
        return {name: union_s(intervals) for name, intervals in self._intervals.items()}

    def busy_s(self, without: str | None = None) -> float:
        """The time in which any call was under way, one name perhaps left out."""
        kept = [each for name, each in self._intervals.items() if name != without]
        return union_s(interval for intervals in kept for interval in intervals)


def union_s(intervals: Iterable[tuple[float, float]]) -> float:
    """Length of the union of intervals (begin, end)."""
    total, covered = 0.0, float("-inf")
    for begin, end in sorted(intervals):
        total += max(0.0, end - max(begin, covered))
        covered = max(covered, end)
    return total


class RecordedPrograms:
    """A codec's programs, all of whose calls are recorded, and how long each took to be had.

    Those of a region are read from the disk cache (or compiled) once the region's shape is known.
    """

    def __init__(self, programs, timeline: Timeline):
        """`programs`: a `pqmim_jax.codec.program_set.ProgramSet`."""
        self._programs, self._timed = programs, timeline.timed

    def __getattr__(self, name: str):
        """All but the programs is as it was."""
        if name not in _LABELS:
            return getattr(self._programs, name)
        if name in _OF_THE_MIM:
            return self._recorded(name, self._timed(LOADING, getattr)(self._programs, name))
        ask = self._timed(LOADING, getattr(self._programs, name))
        return lambda shape: self._recorded(name, ask(shape))

    def _recorded(self, name: str, program):
        """A program, or one in segments, with its calls recorded."""
        timed = partial(self._timed, _LABELS[name])
        if callable(program):
            return timed(program)
        rest = [timed(run) for run in program.rest]
        return replace(program, first=timed(program.first), rest=rest)


@contextmanager
def recording(codec):
    """A Timeline of the programs of `codec` and of the coder, while the context lasts."""
    from pqmim_jax.coding import RansDecoder, RansEncoder

    timeline = Timeline()
    with ExitStack() as stack:
        recorded = RecordedPrograms(codec.programs, timeline)
        stack.enter_context(mock.patch.object(codec, "programs", recorded))
        for coder in (RansEncoder, RansDecoder):
            for name, method in list(vars(coder).items()):
                if callable(method) and (name == "__init__" or not name.startswith("_")):
                    timed = timeline.timed(CODER, method)
                    stack.enter_context(mock.patch.object(coder, name, timed))
        yield timeline
