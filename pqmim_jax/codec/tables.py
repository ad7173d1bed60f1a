"""Integer frequency tables from logits, compiled: the JAX twin of `coding.pmf`."""

import jax
import jax.numpy as jnp

from pqmim_jax.coding import LOGIT_FRACTION_BITS, MAX_FIXED_LOGIT, PRECISION, exp_table


def fixed_logits(logits: jax.Array) -> jax.Array:
    """Logits (..., K) float in fixed point, int32; `coding.quantize_logits`."""
    limit = float(MAX_FIXED_LOGIT)
    scaled = jnp.clip(jnp.round(logits * 2.0**LOGIT_FRACTION_BITS), -limit, limit)
    return scaled.astype(jnp.int32)


def cumulative_table(logits: jax.Array) -> jax.Array:
    """Cumulative frequencies, equal to `coding.cumulative(coding.frequencies(...))` bit by bit.

    Past the rounding of a logit everything is 32-bit integer arithmetic, exact on every device.

    Args:
      logits: (..., K) float32 or float64, finite.

    Returns:
      (..., K + 1) uint32, from 0 to 2**16.
    """
    k = logits.shape[-1]
    fixed = fixed_logits(logits)
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
    return jnp.pad(cumulative, [(0, 0)] * (logits.ndim - 1) + [(1, 0)])
