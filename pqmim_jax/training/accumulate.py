"""Gradient accumulation: one optimiser step from several passes over parts of the batch."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp


def accumulated_grad(loss_fn: Callable, params: Any, batch: Any, passes: int) -> tuple[Any, Any]:
    """Gradient of the sum of `loss_fn` over the parts of a batch, one part in memory at a time.

    Args:
      loss_fn: (params, part) -> (loss, rows): `rows` is a tree of arrays whose leading axis is
        the part's. The losses of the parts must add up to the batch's loss: means are to be taken
        over the global batch.
      batch: tree of arrays (B, ...). Part i takes rows i, i + passes, ...: rows that lie on one
        device stay there.
      passes: number of parts, which divides B.

    Returns:
      gradient, and the `rows` of the whole batch in its order.
    """
    return accumulate(jax.grad(loss_fn, has_aux=True), params, batch, passes)


def accumulate(grad_fn: Callable, params: Any, batch: Any, passes: int) -> tuple[Any, Any]:
    """As `accumulated_grad`, with grad_fn: (params, part) -> (gradient like params, rows)."""
    if passes == 1:
        return grad_fn(params, batch)

    def one_pass(total, part):
        grads, rows = grad_fn(params, part)
        return jax.tree.map(jnp.add, total, grads), rows

    zeros = jax.tree.map(jnp.zeros_like, params)
    total, rows = jax.lax.scan(one_pass, zeros, jax.tree.map(lambda a: _split(a, passes), batch))
    return total, jax.tree.map(_join, rows)


def _split(array: jax.Array, passes: int) -> jax.Array:
    return jnp.moveaxis(array.reshape(-1, passes, *array.shape[1:]), 1, 0)


def _join(parts: jax.Array) -> jax.Array:
    return jnp.moveaxis(parts, 0, 1).reshape(-1, *parts.shape[2:])
