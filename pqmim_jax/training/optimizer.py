"""Optimiser from a config section: AdamW, warm-up and cosine decay, learning-rate groups."""

import re
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax


class TimeState(NamedTuple):
    """What a limit of time makes of the learning rate; the loop writes `spent`."""

    count: jax.Array  # int32: updates
    spent: jax.Array  # float32: share of the seconds that are used up


def learning_rate(config) -> optax.Schedule:
    """Linear warm-up over `warmup_steps`, then cosine to `final_lr_fraction` at `steps`."""
    warmup = min(config.warmup_steps, config.steps // 2)
    return optax.warmup_cosine_decay_schedule(
        init_value=0.0,
        peak_value=config.learning_rate,
        warmup_steps=warmup,
        decay_steps=max(config.steps, 1),
        end_value=config.learning_rate * config.final_lr_fraction,
    )


def build_optimizer(config) -> optax.GradientTransformation:
    """AdamW with global-norm clipping.

    `config.lr_scales` is a sequence of (regular expression, factor): the first that matches a
    parameter's path ("decoder/block_0/mlp/expand/kernel") scales its updates; none means 1, and
    0 freezes it. Weight decay acts on matrices only. With `config.max_seconds` the learning rate
    warms up by steps, then falls by the share of the time or of the steps, the larger one.
    """
    limited, warm_up = config.max_seconds > 0, config.learning_rate
    if config.warmup_steps:
        warm_up = optax.linear_schedule(0.0, config.learning_rate, config.warmup_steps)
    parts = [
        optax.clip_by_global_norm(config.clip_norm),
        optax.adamw(
            warm_up if limited else learning_rate(config),
            b1=config.adam_b1,
            b2=config.adam_b2,
            weight_decay=config.weight_decay,
            mask=lambda params: jax.tree_util.tree_map_with_path(_decays, params),
        ),
        scale_by_path(config.lr_scales),
    ]
    parts += [_scale_by_time(config.steps, config.final_lr_fraction)] if limited else []
    return optax.chain(*parts)


def share_done(state: Any, steps: int) -> jax.Array:
    """Share of a stage's training that a train state has behind it, float32 in [0, 1]."""
    by_steps = state.step / jnp.float32(steps)
    return jnp.maximum(by_steps, optax.tree.get(state.opt_state, "spent", 0.0))


def _scale_by_time(steps: int, final: float) -> optax.GradientTransformation:
    """Multiplies updates by a cosine from 1 to `final` over the time that there is."""

    def init(params: Any) -> TimeState:
        del params
        return TimeState(jnp.int32(0), jnp.float32(0))

    def update(updates: Any, state: TimeState, params: Any = None) -> tuple[Any, TimeState]:
        del params
        share = jnp.clip(jnp.maximum(state.spent, state.count / jnp.float32(steps)), 0, 1)
        factor = final + (1 - final) * 0.5 * (1 + jnp.cos(jnp.pi * share))
        scaled = jax.tree.map(lambda u: factor * u, updates)
        return scaled, TimeState(state.count + 1, state.spent)

    return optax.GradientTransformation(init, update)


def _decays(path: tuple, parameter: Any) -> bool:
    name = str(path[-1].key)
    return parameter.ndim >= 2 and not name.endswith(("bias", "codebooks", "temperature"))


def scale_by_path(rules) -> optax.GradientTransformation:
    """Multiplies updates by the factor of the first matching (regex, factor) rule."""

    def factor(path: tuple) -> float:
        name = "/".join(str(key.key) for key in path)
        return next((scale for pattern, scale in rules if re.search(pattern, name)), 1.0)

    def scale(updates: Any, params: Any = None) -> Any:
        del params
        return jax.tree_util.tree_map_with_path(lambda p, u: u * factor(p), updates)

    return optax.stateless(scale)
