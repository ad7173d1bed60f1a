"""Logs of a run: metrics and timings as JSON lines, TensorBoard where clu's writers import."""

import json
import math
from typing import Any

import jax
import numpy as np


class MetricLog:
    """What a run reports, step by step; only process 0 of several writes.

    `metrics.jsonl` holds what the seed determines, so two runs can be compared byte by byte;
    `timing.jsonl` what the clock and the machine say.
    """

    def __init__(self, directory, resume_step: int):
        """Opens the logs; a run resumed at `resume_step` continues them without repeated lines."""
        self._metrics = self._timing = self._board = None
        if jax.process_index() == 0:
            self._metrics = _JsonLines(directory / "metrics.jsonl", resume_step)
            self._timing = _JsonLines(directory / "timing.jsonl", resume_step)
            self._board = _tensorboard_writer(directory)

    def write(self, step: int, metrics: dict[str, Any], timing: dict[str, Any]) -> None:
        """Scalars as numbers, vectors as lists; a value that is not finite becomes null."""
        if self._metrics is None:
            return
        metrics = {name: np.asarray(value, np.float64) for name, value in metrics.items()}
        self._metrics.append(step, {name: _jsonable(value) for name, value in metrics.items()})
        self._timing.append(step, timing)
        if self._board is not None:
            means = {name: float(np.mean(value)) for name, value in {**metrics, **timing}.items()}
            self._board.write_scalars(step, means)


class _JsonLines:
    """A file of one JSON object a line, each with a `step`."""

    def __init__(self, path, resume_step: int):
        self._path = path
        lines = path.read_text().splitlines() if path.exists() else []
        kept = [line for line in lines if _step_of(line) <= resume_step]
        self._text = "".join(line + "\n" for line in kept)
        path.write_text(self._text)

    def append(self, step: int, values: dict[str, Any]) -> None:
        line = json.dumps({"step": step, **values}) + "\n"
        if "://" in str(self._path):  # object stores replace whole objects only
            self._text += line
            self._path.write_text(self._text)
        else:
            with self._path.open("a") as file:
                file.write(line)


def _jsonable(value: np.ndarray):
    if value.ndim:
        return [_jsonable(element) for element in value]
    return float(value) if math.isfinite(value) else None


def _step_of(line: str) -> float:
    """Step of a line; infinity for one that a crash left unfinished."""
    try:
        return json.loads(line)["step"]
    except (json.JSONDecodeError, KeyError):
        return float("inf")


def _tensorboard_writer(directory):
    try:
        from clu import metric_writers  # needs TensorFlow, which many GPU machines lack
    except ImportError:
        return None
    return metric_writers.SummaryWriter(str(directory))
