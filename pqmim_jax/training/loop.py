"""The training loop, the same for every stage: batches in, metrics and checkpoints out."""

import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh

from pqmim_jax.training.checkpoints import Checkpoints
from pqmim_jax.training.metric_log import MetricLog
from pqmim_jax.training.sharding import over_batch, place_batch, replicated
from pqmim_jax.training.state import TrainState


class TrainingError(RuntimeError):
    """A run cannot go on."""


class Interrupted(RuntimeError):
    """A signal ended the run; it goes on from its checkpoint when started again."""


@dataclass(frozen=True)
class Stage:
    """What the loop needs to know of a stage."""

    name: str
    steps: int
    batch_size: int  # global
    step_fn: Callable  # (state, batch, key, *constants) -> (state, metrics)
    constants: tuple  # further device arguments of step_fn, e.g. frozen parameters
    headline: str  # metric shown in the progress line


def run_stage(
    stage: Stage,
    shapes: TrainState,
    initial: Callable[[], TrainState],
    batches: Any,
    config: Any,
    mesh: Mesh,
    directory: Path,
) -> TrainState:
    """Trains until `stage.steps`, from the newest checkpoint in `directory` if there is one.

    Order on resume: state and data position from the checkpoint, then the log is cut back to
    that step, so a continued run writes what an uninterrupted one would.

    Args:
      shapes: the state as `jax.ShapeDtypeStruct`s.
      initial: makes the state to start from; only called when there is no checkpoint.
      batches: checkpointable iterator of host batches (`get_state`, `set_state`).
      config: the run's config; `seed`, `log_every`, `checkpoint*` are read here.

    Raises:
      TrainingError: the loss is not finite; checkpoints saved before stay.
      Interrupted: SIGTERM or Ctrl-C, after saving a checkpoint.
    """
    checkpoints = Checkpoints(directory / "checkpoints", config.checkpoints_kept)
    try:
        state = _start(checkpoints, shapes, initial, batches, mesh)
        first_step = int(state.step)
        clock = _Clock(stage, first_step, config.checkpoint_every_s)
        log = MetricLog(directory, first_step)
        step_fn = jax.jit(stage.step_fn, donate_argnums=0, out_shardings=replicated(mesh))
        constants = jax.device_put(
            (jax.random.key(config.seed), *stage.constants), replicated(mesh)
        )
        with _StopOnSignal() as stop, jax.transfer_guard("disallow"):
            for step in range(first_step + 1, stage.steps + 1):
                batch = place_batch(next(batches), over_batch(mesh))
                state, metrics = step_fn(state, batch, *constants)
                if step % config.log_every == 0 or step == stage.steps:
                    _report(stage, log, clock, step, metrics)
                if clock.checkpoint_due() or stop.requested or step == stage.steps:
                    _check_finite(stage, step, metrics)
                    checkpoints.save(step, state, batches.get_state())
                if stop.requested:
                    raise Interrupted(f"{stage.name} stopped at step {step}, checkpoint saved")
        return state
    finally:
        checkpoints.close()
        batches.close()


def _start(checkpoints: Checkpoints, shapes, initial, batches, mesh: Mesh) -> TrainState:
    if checkpoints.latest_step() is None:
        # A copy: the step donates its state, and `initial` may hand out arrays that others keep.
        return jax.jit(_copy, out_shardings=replicated(mesh))(initial())
    like = jax.tree.map(
        lambda a: jax.ShapeDtypeStruct(a.shape, a.dtype, sharding=replicated(mesh)), shapes
    )
    state, data_state = checkpoints.restore(like)
    batches.set_state(data_state)
    return state


def _copy(tree):
    return jax.tree.map(jnp.copy, tree)


def _report(stage: Stage, log: MetricLog, clock: "_Clock", step: int, metrics) -> None:
    _check_finite(stage, step, metrics)
    values = {name: np.asarray(value) for name, value in jax.device_get(metrics).items()}
    speed, left = clock.progress(step)
    log.write(step, {**values, "images_per_s": speed})
    shown = float(values[stage.headline])
    print(
        f"{stage.name} step {step}/{stage.steps}  {stage.headline} {shown:.4g}  "
        f"{speed:.1f} images/s  {left / 60:.1f} min left",
        flush=True,
    )


def _check_finite(stage: Stage, step: int, metrics) -> None:
    # The gradient's norm too: it is what makes the *next* parameters useless.
    for name in (stage.headline, "grad_norm"):
        value = jax.device_get(metrics.get(name, 0.0))
        if not np.isfinite(value):
            raise TrainingError(
                f"{stage.name}: {name} is {value} at step {step}; checkpoints saved before are kept"
            )


class _Clock:
    """Speed since the last report, time left, and when a checkpoint is due."""

    def __init__(self, stage: Stage, first_step: int, checkpoint_every_s: float):
        self._stage = stage
        self._every = checkpoint_every_s
        self._saved = self._reported = time.monotonic()
        self._step = first_step

    def progress(self, step: int) -> tuple[float, float]:
        now = time.monotonic()
        per_step = (now - self._reported) / max(step - self._step, 1)
        self._reported, self._step = now, step
        return self._stage.batch_size / per_step, per_step * (self._stage.steps - step)

    def checkpoint_due(self) -> bool:
        if time.monotonic() - self._saved < self._every:
            return False
        self._saved = time.monotonic()
        return True


class _StopOnSignal:
    """SIGTERM (preemption) and Ctrl-C end the loop after the step under way, with a checkpoint."""

    def __init__(self):
        self.requested = False

    def __enter__(self):
        self._previous = {}
        for number in (signal.SIGTERM, signal.SIGINT):
            self._previous[number] = signal.signal(number, self._request)
        return self

    def _request(self, number, frame):
        del number, frame
        self.requested = True

    def __exit__(self, *exc):
        for number, handler in self._previous.items():
            signal.signal(number, handler)
