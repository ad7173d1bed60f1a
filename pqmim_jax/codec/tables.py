"""Integer frequency tables from logits, compiled: the JAX twin of `coding.pmf`."""

import jax
import jax.numpy as jnp

from pqmim_jax.coding import PRECISION, exp_table


def cumulative_table(fixed: jax.Array) -> jax.Array:
    """Cumulative frequencies, equal to `coding.cumulative(coding.frequencies(...))` bit by bit.

    All of it is 32-bit integer arithmetic, exact on every device.

    Args:
      fixed: (..., K) int32, fixed-point logits.

    Returns:
      (..., K + 1) uint32, from 0 to 2**16.
    """
    k = fixed.shape[-1]
    table = jnp.asarray(exp_table())
    below_best = jnp.max(fixed, axis=-1, keepdims=True) - fixed
    weights = table[jnp.minimum(below_best, table.shape[0] - 1)]
    total = jnp.sum(weights, axis=-1, keepdims=True, dtype=jnp.uint32)
    frequencies = 1 + weights * jnp.uint32((1 << PRECISION) - k) // total
    rest = jnp.uint32(1 << PRECISION) - jnp.sum(
        frequencies, axis=-1, keepdims=True, dtype=jnp.uint32
    )
    # The first of the best, by a minimum: XLA's argmax took half of the time of the whole program.
    each = jnp.arange(k, dtype=jnp.int32)
    best = jnp.min(jnp.where(below_best == 0, each, k), axis=-1, keepdims=True)
    frequencies += jnp.where(each == best, rest, jnp.uint32(0))
    cumulative = jnp.cumsum(frequencies, axis=-1, dtype=jnp.uint32)
    return jnp.pad(cumulative, [(0, 0)] * (fixed.ndim - 1) + [(1, 0)])
