"""Bounds whose gradient does not vanish where it leads back inside."""

import jax
import jax.numpy as jnp


@jax.custom_vjp
def lower_bound(x: jax.Array, bound: float) -> jax.Array:
    """max(x, bound), elementwise.

    The gradient passes where x is above the bound or a descent step would raise it (Ballé et al.
    2018, as in their public code).
    """
    return jnp.maximum(x, bound)


def _forward(x, bound):
    return jnp.maximum(x, bound), (x, bound)


def _backward(residuals, gradient):
    x, bound = residuals
    return jnp.where((x >= bound) | (gradient < 0), gradient, 0.0), None


lower_bound.defvjp(_forward, _backward)
