"""Operations on integers that every runtime computes alike, and why.

**Carriers.** Operands of matrix products are int8, their sums int32. Everything else is carried
in float32: an integer of magnitude up to 2**24, or one times a power of two. float32 holds all of
these, so sums, differences, products, comparisons and roundings of such numbers are exact as long
as their results are such numbers again: nothing is ever rounded that should not be, and the order
of a sum, the number of threads, fused multiply-adds and flags of a compiler change nothing. That no
result leaves the range follows from the weights; `integer.bounds` computes it for each place.

**What is not used.** No division, root or exponential: tables of integers, looked up by index. No
product of two numbers that needs more than 24 bits. Products of matrices never run in float32 with
operands that a reduced precision (bfloat16, TF32) could not hold, since their operands are int8.

**Requantization.** A layer's sum is multiplied by 2**-shift, one shift for each output channel,
and the bias, a multiple of the same power, is added. The scale of the weights is chosen so that a
shift is all that is needed (`integer.conversion`).

The named functions below are compiled as they stand by JAX; exports write each as one or two
operations of the other runtime (`export.named_functions`).
"""

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp

TOP = 127
"""Largest magnitude that scales of int8 activations are chosen for."""

ZERO = 128
"""What a value of 0..255 is reduced by to become int8."""

RESIDUAL_TOP = 32767
"""Largest magnitude in the residual stream."""

_HIGHEST_POWER = 24  # no number that is normalised is larger than 2**24


def _named(function: Callable) -> Callable:
    """Keeps the function a call of its own in traced programs, under its name."""
    return functools.partial(jax.jit, inline=False)(function)


@_named
def scaled_product(a: jax.Array, b: jax.Array, scale: jax.Array, bias: jax.Array) -> jax.Array:
    """a @ b * scale + bias, exact.

    Args:
      a: (..., n, k) int8.
      b: (..., k, m) int8.
      scale: () or (m,) float32, powers of two.
      bias: () or (m,) float32, multiples of `scale`.

    Returns:
      (..., n, m) float32.
    """
    batch = tuple(range(a.ndim - 2))
    numbers = (((a.ndim - 1,), (b.ndim - 2,)), (batch, batch))
    sums = jax.lax.dot_general(a, b, numbers, preferred_element_type=jnp.int32)
    return sums.astype(jnp.float32) * scale + bias


@_named
def to_int8(x: jax.Array) -> jax.Array:
    """float32 -> int8, rounded (halves to even) and clipped to -128 .. 127."""
    return jnp.clip(jnp.round(x), -ZERO, ZERO - 1).astype(jnp.int8)


@_named
def rectified_int8(x: jax.Array) -> jax.Array:
    """float32 -> int8: max(x, 0), rounded, clipped to 255, less ZERO."""
    return (jnp.clip(jnp.round(x), 0, 255) - ZERO).astype(jnp.int8)


@_named
def to_bytes(x: jax.Array) -> jax.Array:
    """int8 -> uint8, ZERO more."""
    return (x.astype(jnp.int32) + ZERO).astype(jnp.uint8)


@_named
def from_bytes(x: jax.Array) -> jax.Array:
    """Inverse of `to_bytes`."""
    return (x.astype(jnp.int32) - ZERO).astype(jnp.int8)


@_named
def look_up(table: jax.Array, index: jax.Array) -> jax.Array:
    """Entries of a table (n,) at float32 indices within [0, n), rounded down."""
    return table[index.astype(jnp.int32)]


@_named
def take_rows(table: jax.Array, rows: jax.Array) -> jax.Array:
    """Rows of a table (n, e) at int32 (...) in [0, n): (..., e)."""
    return table.at[rows].get(mode="promise_in_bounds")


@_named
def channel_sum(x: jax.Array) -> jax.Array:
    """(..., C) float32 -> (..., 1)."""
    return jnp.sum(x, axis=-1, keepdims=True)


@_named
def exponential(table: jax.Array, x: jax.Array) -> jax.Array:
    """Entries of a rising table (n,) at float32 x <= 0, rounded: the last at 0, the first below."""
    last = table.shape[0] - 1.0
    return look_up(table, jnp.clip(jnp.round(x) + last, 0.0, last))


@_named
def depthwise_sum(x: jax.Array, kernel: jax.Array) -> jax.Array:
    """3x3 depthwise filter without padding: (h, w, C) int8, (3, 3, C) int8 -> (h-2, w-2, C)."""
    h, w = x.shape[0] - 2, x.shape[1] - 2
    x, kernel = x.astype(jnp.float32), kernel.astype(jnp.float32)
    terms = (x[i : i + h, j : j + w] * kernel[i, j] for i in range(3) for j in range(3))
    return functools.reduce(jnp.add, terms)


@_named
def least_reached(x: jax.Array, thresholds: jax.Array, values: jax.Array) -> jax.Array:
    """Smallest value whose threshold x has reached.

    Args:
      x: (..., 1) float32.
      thresholds, values: (n,) float32; x has reached one of them at least.

    Returns:
      (..., 1) float32.
    """
    reached = jnp.where(x >= thresholds, values, jnp.inf)
    return jnp.min(reached, axis=-1, keepdims=True)


def inverse_power(x: jax.Array, first: int, step: int) -> jax.Array:
    """2**-j of the largest j with x >= 2**(first + step * j), 1 if there is none above 0.

    Args:
      x: (..., 1) float32 in [0, 2**24].
      first, step: >= 0 and >= 1.

    Returns:
      (..., 1) float32.
    """
    count = (_HIGHEST_POWER - first) // step + 1
    thresholds = [0.0] + [2.0 ** (first + step * j) for j in range(1, count)]
    values = [2.0**-j for j in range(count)]
    return least_reached(x, *(jnp.asarray(each, jnp.float32) for each in (thresholds, values)))
