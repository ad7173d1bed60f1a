"""The training loop, the same for every stage: batches in, metrics and checkpoints out."""

import contextlib
from collections.abc import Callable
from dataclasses import fields
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh

from pqmim_jax.training.batches import write_config
from pqmim_jax.training.checkpoints import Checkpoints
from pqmim_jax.training.interruption import (
    Interrupted,
    StopOnSignal,
    TrainingError,
    as_peer_lost,
)
from pqmim_jax.training.metric_log import MetricLog
from pqmim_jax.training.multihost import stop_agreed
from pqmim_jax.training.partition import place
from pqmim_jax.training.profile import Profile
from pqmim_jax.training.sharding import local_rows, place_batch
from pqmim_jax.training.stage import Layout, Stage, layout_of, lower_step
from pqmim_jax.training.state import TrainState
from pqmim_jax.training.throughput import Throughput, step_flops
from pqmim_jax.training.tiles import on_tiles
from pqmim_jax.training.time_limit import TimeLimit
from pqmim_jax.training.validation import Validation


def run_stage(
    stage: Stage,
    constants: tuple,
    start_values: Callable[[], dict[str, Any]],
    batches: Any,
    config: Any,
    mesh: Mesh,
    directory: Any,
) -> TrainState:
    """Trains until `stage.steps` or `stage.max_seconds`, from the newest checkpoint there is.

    Order on resume: state and data position from the checkpoint, then the logs are cut back to
    that step, so a continued run writes what an uninterrupted one would.

    Args:
      constants: host arrays for `stage.constants`, equal on all processes.
      start_values: fields of the first state that `stage.init` cannot make, as host arrays equal
        on all processes; only called when there is no checkpoint.
      batches: checkpointable iterator over this process's rows (`get_state`, `set_state`,
        `close`), or `TileBatches`.
      config: the run's config.

    Raises:
      TrainingError: the loss is not finite, or another process of the run is lost; checkpoints
        saved before stay.
      Interrupted: SIGTERM or Ctrl-C, after saving a checkpoint.
    """
    if getattr(batches, "tiles", None) is not None:
        stage, constants = on_tiles(stage, batches, mesh), (batches.tiles, *constants)
    layout = layout_of(stage, mesh, config.sharding_rules)
    checkpoints = Checkpoints(
        directory / "checkpoints", config.checkpoints, f"validation/{stage.score}"
    )
    loop = None
    try:
        state = _start(checkpoints, stage, layout, start_values, batches, config.seed)
        write_config(config, directory)
        loop = _Loop(stage, layout, constants, config, directory, state)
        state = loop.run(state, batches, checkpoints)
    except jax.errors.JaxRuntimeError as error:
        if jax.process_count() == 1:
            raise
        raise as_peer_lost(stage.name, loop.step if loop else 0, error) from error
    except BaseException:
        checkpoints.close()
        raise
    finally:
        batches.close()
    checkpoints.close()
    return state


def _start(checkpoints: Checkpoints, stage: Stage, layout: Layout, start_values, batches, seed):
    """The state to go on from: the newest checkpoint's, or a fresh one laid out from the start."""
    if checkpoints.latest_step() is not None:
        like = jax.tree.map(
            lambda a, s: jax.ShapeDtypeStruct(a.shape, a.dtype, sharding=s),
            stage.state_shapes(),
            layout.state,
        )
        state, data_state = checkpoints.restore(like)
        batches.set_state(data_state)
        return state
    values = start_values()
    if stage.average_decay and "params" in values:
        values = {**values, "average": values["params"]}
    # What would be replaced is not made: random parameters take long to compile.
    names = [field.name for field in fields(TrainState) if field.name not in values]
    layouts = {name: getattr(layout.state, name) for name in names}

    def others():
        state = stage.first_state(jax.random.key(seed))
        return {name: getattr(state, name) for name in names}

    placed = {name: place(value, getattr(layout.state, name)) for name, value in values.items()}
    return TrainState(**jax.jit(others, out_shardings=layouts)(), **placed)


class _Loop:
    """The compiled step and everything that watches it."""

    def __init__(self, stage: Stage, layout: Layout, constants, config, directory, state):
        self._stage, self._layout, self._config = stage, layout, config
        self.step = first_step = int(state.step)
        self._limit = TimeLimit(stage.max_seconds, state, layout.replicated)
        lowered = lower_step(stage, layout)
        self._compiled = lowered.compile()
        self._constants = jax.tree.map(lambda a: place(a, layout.replicated), constants)
        make_key = jax.jit(lambda: jax.random.key(config.seed), out_shardings=layout.replicated)
        self._key = make_key()
        self._rows = local_rows(stage.batch_size, layout.mesh)
        self._validation = Validation(stage, config, layout, self._constants)
        self._log = MetricLog(directory, first_step)
        self._profile = Profile(directory / "profile", first_step, config.profile_steps)
        flops = step_flops(lowered, stage.passes, layout.mesh.size)
        self._throughput = Throughput(stage.batch_size, stage.steps, first_step, flops)

    def run(self, state: TrainState, batches, checkpoints: Checkpoints) -> TrainState:
        profile = contextlib.closing(self._profile)
        with profile, StopOnSignal() as stop, jax.transfer_guard("disallow"):
            for step in range(self.step + 1, self._stage.steps + 1):
                if self._limit.over:
                    break
                self.step = step
                state, metrics = self._advance(self._limit.stamp(state, step), batches)
                last = self._limit.over or step == self._stage.steps
                scores = self._measure(state, metrics, last)
                stopping = stop_agreed(step, stop.requested)
                if last or stopping or scores or step % self._config.checkpoints.every == 0:
                    self._check_finite(metrics)
                    checkpoints.save(step, state, batches.get_state(), scores)
                if stopping and not last:
                    raise Interrupted(
                        f"{self._stage.name} stopped at step {step}, checkpoint saved"
                    )
        return state

    def _advance(self, state: TrainState, batches):
        self._profile.before(self.step)
        batch = self._throughput.next_batch(batches)
        batch = place_batch(batch, self._rows, self._stage.batch_size, self._layout.mesh)
        state, metrics = self._compiled(state, batch, self._key, *self._constants)
        self._profile.after(self.step, metrics)
        return state, metrics

    def _measure(self, state: TrainState, metrics, last: bool) -> dict[str, float] | None:
        """Writes what is due after this step; returns the validation pass's scores, if any."""
        validating = self._validation.due(self.step, last)
        if not (last or validating or self.step % self._config.log_every == 0):
            return None
        values = jax.device_get(metrics)
        self._check_finite(values)
        timing = self._throughput.report(self.step)
        timing["left_s"] = min(timing["left_s"], self._limit.left_s)
        scores = self._validation.run(state.trained) if validating else None
        self._throughput.restart(self.step)
        self._log.write(self.step, {**values, **(scores or {})}, timing)
        if jax.process_index() == 0:
            self._print_progress(values, scores or {}, timing)
        return scores

    def _print_progress(self, values, scores, timing) -> None:
        stage = self._stage
        shown = {stage.headline: values[stage.headline], **scores}
        numbers = "  ".join(f"{name} {float(value):.4g}" for name, value in shown.items())
        print(
            f"{stage.name} step {self.step}/{stage.steps}  {numbers}  "
            f"{timing['images_per_s']:.1f} images/s  {timing['left_s'] / 60:.1f} min left",
            flush=True,
        )

    def _check_finite(self, metrics) -> None:
        # The gradient's norm too: it is what makes the *next* parameters useless.
        for name in (self._stage.headline, "grad_norm"):
            value = jax.device_get(metrics.get(name, 0.0))
            if not np.isfinite(value):
                raise TrainingError(
                    f"{self._stage.name}: {name} is {value} at step {self.step}; "
                    "checkpoints saved before are kept"
                )
