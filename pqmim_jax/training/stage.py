"""What a stage of training is, apart from its data and its weights."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding

from pqmim_jax.training.config import ConfigError
from pqmim_jax.training.partition import tree_shardings
from pqmim_jax.training.sharding import batch_shards, over_batch, replicated
from pqmim_jax.training.state import TrainState


@dataclass(frozen=True)
class Stage:
    """Pure functions and shapes: enough to compile its programs for a machine one does not have."""

    name: str
    steps: int
    batch_size: int  # global
    crop: int  # pixels
    passes: int  # gradient accumulation: parts of a batch
    init: Callable[[jax.Array], TrainState]  # of a random key
    step_fn: Callable  # (state, batch, key, *constants) -> (state, metrics)
    eval_fn: Callable  # (params, batch, *constants) -> {metric: (B,)}, one value an image
    constants: tuple  # trees of jax.ShapeDtypeStruct: further arguments, e.g. frozen parameters
    headline: str  # metric of the step that is shown in the progress line
    score: str  # metric of the validation pass that tells the best checkpoint; lower is better
    average_decay: float  # of the moving average of the parameters; 0 = none is kept
    max_seconds: float  # after which training ends; 0 = only `steps` counts

    def first_state(self, key: jax.Array) -> TrainState:
        """`init`, and the average to begin with."""
        state = self.init(key)
        return state.replace(average=state.params) if self.average_decay else state

    def advance(self, state: TrainState, *arguments) -> tuple[TrainState, dict]:
        """`step_fn`, and the average after it (Polyak & Juditsky 1992; of the newest at first)."""
        after, metrics = self.step_fn(state, *arguments)
        if not self.average_decay:
            return after, metrics
        taken = jnp.float32(state.step)
        kept = jnp.minimum(self.average_decay, (1 + taken) / (10 + taken))
        average = jax.tree.map(lambda a, p: p + kept * (a - p), state.average, after.params)
        return after.replace(average=average), metrics

    def state_shapes(self) -> TrainState:
        """The train state as `jax.ShapeDtypeStruct`s."""
        return jax.eval_shape(self.first_state, jax.random.key(0))

    def batch_shapes(self) -> dict[str, jax.ShapeDtypeStruct]:
        """A global batch: uint8 images (batch_size, crop, crop, 3)."""
        shape = (self.batch_size, self.crop, self.crop, 3)
        return {"image": jax.ShapeDtypeStruct(shape, np.uint8)}


def sizes_of(options) -> dict[str, int | float]:
    """The fields of a `Stage` that its section of the config names.

    Raises:
      ConfigError: `average_decay` or `max_seconds` is out of range.
    """
    if not 0 <= options.average_decay < 1:
        raise ConfigError(f"average_decay must be in [0, 1), got {options.average_decay}")
    if not 0 <= options.max_seconds < float("inf"):
        raise ConfigError(f"max_seconds must be >= 0 and finite, got {options.max_seconds}")
    return {
        "steps": options.steps,
        "batch_size": options.batch_size,
        "crop": options.crop,
        "passes": options.accumulate_steps,
        "average_decay": options.average_decay,
        "max_seconds": options.max_seconds,
    }


@dataclass(frozen=True)
class Layout:
    """Where the state and the batch of a stage lie on a mesh."""

    mesh: Mesh
    state: TrainState  # tree of NamedSharding
    batch: NamedSharding
    replicated: NamedSharding


def layout_of(stage: Stage, mesh: Mesh, rules) -> Layout:
    """Layout by the config's `sharding_rules`.

    Raises:
      ConfigError: a bad rule, or a batch that does not divide over the mesh.
    """
    shards = batch_shards(mesh) * max(stage.passes, 1)
    if stage.passes < 1 or stage.batch_size % shards:
        raise ConfigError(
            f"{stage.name}_training.batch_size {stage.batch_size} must be a multiple of {shards}: "
            f"{batch_shards(mesh)} devices of the batch axes x accumulate_steps {stage.passes}"
        )
    state = tree_shardings(stage.state_shapes(), rules, mesh)
    return Layout(mesh, state, over_batch(mesh), replicated(mesh))


def lower_step(stage: Stage, layout: Layout) -> jax.stages.Lowered:
    """The train step, traced for a layout; arguments: state (donated), batch, key, *constants."""
    jitted = jax.jit(
        stage.advance, donate_argnums=0, out_shardings=(layout.state, layout.replicated)
    )
    key = jax.eval_shape(lambda: jax.random.key(0))
    return jitted.lower(
        jax.tree.map(_laid_out, stage.state_shapes(), layout.state),
        _all_laid_out(stage.batch_shapes(), layout.batch),
        *_all_laid_out((key, *stage.constants), layout.replicated),
    )


def _all_laid_out(shapes: Any, sharding: NamedSharding) -> Any:
    return jax.tree.map(lambda shape: _laid_out(shape, sharding), shapes)


def _laid_out(shape: jax.ShapeDtypeStruct, sharding: NamedSharding) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(shape.shape, shape.dtype, sharding=sharding)
