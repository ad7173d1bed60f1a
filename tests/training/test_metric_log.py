import json

import numpy as np
import pytest

from pqmim_jax.training import metric_log
from pqmim_jax.training.metric_log import MetricLog


def lines(directory):
    return [json.loads(line) for line in (directory / "metrics.jsonl").read_text().splitlines()]


def test_scalars_are_numbers_and_vectors_lists(tmp_path):
    MetricLog(tmp_path, 0).write(5, {"loss": np.float32(0.5), "dead": np.array([0.0, np.nan])}, {})
    assert lines(tmp_path) == [{"step": 5, "loss": 0.5, "dead": [0.0, None]}]


def test_a_resumed_log_drops_what_comes_after_its_checkpoint(tmp_path):
    log = MetricLog(tmp_path, 0)
    for step in (2, 4, 6):
        log.write(step, {"loss": step}, {})
    MetricLog(tmp_path, 4).write(6, {"loss": 60}, {})
    assert [line["loss"] for line in lines(tmp_path)] == [2, 4, 60]


@pytest.mark.parametrize("rest", ['{"step": 4, "lo', "{", '{"loss": 1}'])
def test_a_half_written_last_line_is_dropped(tmp_path, rest):
    MetricLog(tmp_path, 0).write(2, {"loss": 2}, {})
    with (tmp_path / "metrics.jsonl").open("a") as file:
        file.write(rest)
    MetricLog(tmp_path, 8).write(9, {"loss": 9}, {})
    assert [line["step"] for line in lines(tmp_path)] == [2, 9]


def test_a_new_run_starts_an_empty_log(tmp_path):
    MetricLog(tmp_path, 0).write(2, {"loss": 2}, {})
    MetricLog(tmp_path, 0)
    assert lines(tmp_path) == []


class ObjectStore:
    """A path of a store that, like gs://, replaces whole objects only."""

    def __init__(self, objects, name="gs://bucket/run"):
        self._objects, self._name = objects, name

    def __truediv__(self, name):
        return ObjectStore(self._objects, f"{self._name}/{name}")

    def __str__(self):
        return self._name

    def exists(self):
        return self._name in self._objects

    def read_text(self):
        return self._objects[self._name]

    def write_text(self, text):
        self._objects[self._name] = text


def test_logs_in_an_object_store_need_no_appending(monkeypatch):
    monkeypatch.setattr(metric_log, "_tensorboard_writer", lambda directory: None)
    objects = {}
    log = MetricLog(ObjectStore(objects), 0)
    for step in (1, 2, 3):
        log.write(step, {"loss": step}, {"step_s": 0.5})
    MetricLog(ObjectStore(objects), 2).write(3, {"loss": 30}, {"step_s": 0.5})
    stored = objects["gs://bucket/run/metrics.jsonl"].splitlines()
    assert [json.loads(line)["loss"] for line in stored] == [1, 2, 30]
    assert len(objects["gs://bucket/run/timing.jsonl"].splitlines()) == 3
