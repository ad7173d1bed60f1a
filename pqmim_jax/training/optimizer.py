"""Optimiser from a config section: AdamW, warm-up and cosine decay, learning-rate groups."""

import re
from typing import Any

import jax
import optax


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
    0 freezes it. Weight decay acts on matrices only.
    """
    return optax.chain(
        optax.clip_by_global_norm(config.clip_norm),
        optax.adamw(
            learning_rate(config),
            b1=config.adam_b1,
            b2=config.adam_b2,
            weight_decay=config.weight_decay,
            mask=lambda params: jax.tree_util.tree_map_with_path(_decays, params),
        ),
        scale_by_path(config.lr_scales),
    )


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
