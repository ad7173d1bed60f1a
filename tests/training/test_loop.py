"""The loop on a toy stage: one parameter that counts up by the mean of its batches."""

import json
import signal

import jax.numpy as jnp
import numpy as np
import pytest
from ml_collections import ConfigDict

from pqmim_jax.training import default_optimisation, time_limit
from pqmim_jax.training.checkpoints import restore_params
from pqmim_jax.training.interruption import Interrupted, TrainingError
from pqmim_jax.training.loop import run_stage
from pqmim_jax.training.optimizer import build_optimizer, share_done
from pqmim_jax.training.sharding import build_mesh
from pqmim_jax.training.stage import Stage
from pqmim_jax.training.state import TrainState


class Batches:
    """Batch n is full of n; `at[n]()` is called when it is asked for."""

    def __init__(self, at=None):
        self.taken, self.at, self.closed = 0, at or {}, False

    def __next__(self):
        self.taken += 1
        self.at.get(self.taken, lambda: None)()
        return {"image": np.full((2, 8, 8, 3), self.taken, np.uint8)}

    def get_state(self):
        return {"taken": self.taken}

    def set_state(self, state):
        self.taken = state["taken"]

    def close(self):
        self.closed = True


class Toy:
    """Runs of a stage in one directory, with the number of times its step was traced."""

    def __init__(self, directory):
        self.directory, self.traces, self.starts = directory, 0, 0
        self.average_decay = self.max_seconds = 0.0

    def step(self, state, batch, key):
        del key
        self.traces += 1
        w = state.params["w"] + batch["image"].astype(jnp.float32).mean()
        metrics = {"loss": jnp.where(w > 1000, jnp.nan, w)}
        return TrainState(state.step + 1, {"w": w}, state.opt_state, None), metrics

    def start_values(self):
        self.starts += 1
        return {"params": {"w": np.float32(0)}}

    def run(self, steps, at=None, **overrides):
        config = {
            "seed": 0,
            "log_every": 1,
            "checkpoints": {"every": 1000, "kept": 2, "keep_every": 0, "best": 0},
            "validation": {"source": "", "every": 0, "batch_size": 2},
            "mesh": {"data": 1, "fsdp": 1, "tensor": 1},
            "sharding_rules": (),
            "profile_steps": 0,
        }
        config = ConfigDict(config)
        config.update_from_flattened_dict(overrides)
        self.starts = 0
        self.batches = Batches(at)
        mesh = build_mesh(config.mesh)
        stage = self.stage(steps)
        return run_stage(stage, (), self.start_values, self.batches, config, mesh, self.directory)

    def optimizer(self):
        options = default_optimisation.optimisation(max_seconds=self.max_seconds)
        return build_optimizer(ConfigDict(options))

    def stage(self, steps):
        def init(key):
            del key
            params = {"w": jnp.float32(7)}
            return TrainState(jnp.int32(0), params, self.optimizer().init(params), None)

        return Stage(
            name="toy",
            steps=steps,
            batch_size=2,
            crop=8,
            passes=1,
            init=init,
            step_fn=self.step,
            eval_fn=None,
            constants=(),
            headline="loss",
            score="loss",
            average_decay=self.average_decay,
            max_seconds=self.max_seconds,
        )

    def losses(self):
        lines = (self.directory / "metrics.jsonl").read_text().splitlines()
        return {line["step"]: line["loss"] for line in map(json.loads, lines)}

    def stored(self):
        return float(restore_params(self.directory / "checkpoints")["w"])


@pytest.fixture
def toy(tmp_path):
    return Toy(tmp_path)


def triangle(n):
    return n * (n + 1) / 2


def test_a_run_logs_every_step_traces_once_and_saves_its_end(toy):
    state = toy.run(5)
    assert float(state.params["w"]) == toy.stored() == triangle(5)
    assert toy.losses() == {n: triangle(n) for n in range(1, 6)}
    assert toy.traces == 1
    assert toy.batches.closed


def test_the_last_step_is_logged_whatever_log_every_says(toy):
    toy.run(5, log_every=3)
    assert toy.losses() == {3: triangle(3), 5: triangle(5)}


def test_a_longer_run_goes_on_from_the_saved_state_and_data_position(toy):
    toy.run(3)
    state = toy.run(5)
    assert toy.starts == 0
    assert float(state.params["w"]) == triangle(5)
    assert toy.losses() == {n: triangle(n) for n in range(1, 6)}


def test_the_average_of_the_parameters_is_what_is_trained_and_goes_on_too(toy):
    toy.average_decay = 0.25
    toy.run(3)
    state = toy.run(5)
    average = 0.0
    for n in range(1, 6):
        kept = min(0.25, n / (n + 9))
        average = kept * average + (1 - kept) * triangle(n)
    assert float(state.params["w"]) == triangle(5)
    assert float(state.trained["w"]) == toy.stored() == pytest.approx(average, rel=1e-6)


def test_a_finished_run_started_again_does_nothing(toy):
    toy.run(3)
    state = toy.run(3)
    assert float(state.params["w"]) == triangle(3)
    assert toy.batches.taken == 3
    assert toy.losses() == {n: triangle(n) for n in range(1, 4)}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_run_after_the_step_under_way_with_a_checkpoint(toy, number):
    handler = signal.getsignal(number)
    with pytest.raises(Interrupted, match="toy stopped at step 2, checkpoint saved"):
        toy.run(5, {2: lambda: signal.raise_signal(number)})
    assert signal.getsignal(number) is handler
    assert toy.stored() == triangle(2)
    toy.run(5)
    assert toy.losses() == {n: triangle(n) for n in range(1, 6)}


def test_a_crash_loses_just_the_steps_since_the_last_checkpoint(toy):
    toy.run(2)

    def crash():
        raise RuntimeError("power cut")

    with pytest.raises(RuntimeError, match="power cut"):
        toy.run(6, {5: crash})
    assert toy.losses()[4] == triangle(4)
    toy.run(6)
    assert toy.batches.taken == 6
    assert toy.losses() == {n: triangle(n) for n in range(1, 7)}


def test_a_loss_that_is_not_finite_ends_the_run_and_keeps_the_checkpoints(toy):
    toy.run(44, log_every=10)  # the sum of 1..44 is 990
    with pytest.raises(TrainingError, match="loss is nan at step 45"):
        toy.run(60, log_every=1)
    assert toy.stored() == triangle(44)
    assert max(toy.losses()) == 44


def test_checkpoints_are_saved_as_often_as_asked_and_old_ones_go(toy):
    toy.run(6, **{"checkpoints.every": 1})
    saved = sorted(
        int(p.name) for p in (toy.directory / "checkpoints").iterdir() if p.name.isdigit()
    )
    assert saved == [5, 6]


def test_an_empty_directory_holds_no_parameters(tmp_path):
    with pytest.raises(ValueError, match="no checkpoint in"):
        restore_params(tmp_path / "checkpoints")


def test_a_state_that_diverged_between_reports_replaces_no_good_checkpoint(tmp_path):
    toy = Toy(tmp_path)
    toy.run(44)
    with pytest.raises(TrainingError):
        toy.run(60, log_every=20, **{"checkpoints.every": 1})
    assert toy.stored() == triangle(44)


def test_a_profile_of_some_steps_is_written_when_asked_for(toy):
    toy.run(14, profile_steps=2)
    assert list((toy.directory / "profile").rglob("*.xplane.pb"))


def test_a_limited_time_ends_a_run_and_is_not_given_anew_when_it_goes_on(toy, monkeypatch):
    """The clock goes on by a second a batch."""
    now = [100.0]

    def later():
        now[0] += 1

    at = dict.fromkeys(range(1, 99), later)
    monkeypatch.setattr(time_limit.time, "monotonic", lambda: now[0])
    toy.max_seconds = 8.0
    with pytest.raises(Interrupted):
        toy.run(99, {**at, 3: lambda: (later(), signal.raise_signal(signal.SIGTERM))})
    now[0] += 1000
    state = toy.run(99, at)
    # Two seconds were over before the third step; the clock stood until the fourth began.
    assert list(toy.losses()) == list(range(1, 11))
    assert float(share_done(state, 99)) == 1
    assert float(toy.run(99, at).params["w"]) == float(state.params["w"])


def test_steps_end_a_run_whose_time_is_not_used_up(toy):
    toy.max_seconds = 1000.0
    state = toy.run(3)
    assert float(state.params["w"]) == triangle(3)
    assert float(share_done(state, 3)) == 1
    assert float(share_done(state, 100)) < 0.5
