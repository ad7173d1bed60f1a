"""Metrics of a run: JSON lines always, TensorBoard where clu's writers can be imported."""

import json
from pathlib import Path

import numpy as np


class MetricLog:
    """Appends one JSON object a line to `metrics.jsonl`; lines after `resume_step` are dropped."""

    def __init__(self, directory: Path, resume_step: int):
        """Opens the log; a run resumed at `resume_step` continues it without repeated lines."""
        self._path = directory / "metrics.jsonl"
        lines = self._path.read_text().splitlines() if self._path.exists() else []
        kept = [line for line in lines if _step_of(line) <= resume_step]
        self._path.write_text("".join(line + "\n" for line in kept))
        self._board = _tensorboard_writer(directory)

    def write(self, step: int, metrics: dict[str, np.ndarray | float]) -> None:
        """Scalars as numbers, vectors as lists."""
        values = {name: np.asarray(value, np.float64).tolist() for name, value in metrics.items()}
        with self._path.open("a") as file:
            file.write(json.dumps({"step": step, **values}) + "\n")
        if self._board is not None:
            means = {name: float(np.mean(value)) for name, value in values.items()}
            self._board.write_scalars(step, means)


def _step_of(line: str) -> float:
    """Step of a line; infinity for one that a crash left unfinished."""
    try:
        return json.loads(line)["step"]
    except (json.JSONDecodeError, KeyError):
        return float("inf")


def _tensorboard_writer(directory: Path):
    try:
        from clu import metric_writers  # needs TensorFlow, which many GPU machines lack
    except ImportError:
        return None
    return metric_writers.SummaryWriter(str(directory))
