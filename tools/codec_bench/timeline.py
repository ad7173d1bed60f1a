"""When which part of the codec was at work, over all threads."""

import functools
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import cached_property, partial
from unittest import mock

CODER, OTHER = "rANS coder", "other work of the host"
_LABELS = {
    "encode": "encoder network",
    "context": "MIM contexts",
    "head": "MIM head and tables",
    "decode": "decoder network",
}


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


def compile_programs(codec) -> list[str]:
    """Compiles all programs of a codec, or reads them from the disk cache; their names."""
    names = [
        name
        for name, value in vars(type(codec.programs)).items()
        if isinstance(value, cached_property) and not name.startswith("_")
    ]
    for name in names:
        getattr(codec.programs, name)
    return names


def _recorded(program, timed: Callable[[Callable], Callable]):
    """A program, or one in segments, all of whose calls are recorded."""
    if callable(program):
        return timed(program)
    return replace(program, first=timed(program.first), rest=[timed(run) for run in program.rest])


@contextmanager
def recording(codec):
    """A Timeline of the programs of `codec` and of the coder, while the context lasts."""
    from pqmim_jax.coding import RansDecoder, RansEncoder

    timeline, programs = Timeline(), codec.programs
    with ExitStack() as stack:
        for name in compile_programs(codec):
            timed = partial(timeline.timed, _LABELS.get(name, name))
            run = _recorded(getattr(programs, name), timed)
            stack.enter_context(mock.patch.dict(vars(programs), {name: run}))
        for coder in (RansEncoder, RansDecoder):
            for name, method in list(vars(coder).items()):
                if callable(method) and (name == "__init__" or not name.startswith("_")):
                    timed = timeline.timed(CODER, method)
                    stack.enter_context(mock.patch.object(coder, name, timed))
        yield timeline
