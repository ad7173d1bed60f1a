"""Mask ratios: how much of an example is known when a MIM is trained, as distributions.

Each function draws float32 (B, 1, 1, 1) in [0, 1], the share that is *known* to the model; the
share that is masked is 1 minus it.
"""

import jax
import jax.numpy as jnp


def uniform(key: jax.Array, batch: int) -> jax.Array:
    """Known share uniform in [0, 1), and so is the masked one."""
    return _uniform(key, batch)


def power(key: jax.Array, batch: int, exponent: float) -> jax.Array:
    """Known share u ** exponent, u uniform: what `qlds` of that alpha knows before its stages."""
    return _uniform(key, batch) ** exponent


def cosine(key: jax.Array, batch: int) -> jax.Array:
    """Masked share cos(pi u / 2), u uniform (MaskGIT, Chang et al. 2022, section 3.3)."""
    return 1 - jnp.cos(jnp.pi / 2 * _uniform(key, batch))


def arccos(key: jax.Array, batch: int) -> jax.Array:
    """Masked share arccos(u) / (pi / 2), u uniform: less often nearly all than `cosine`."""
    return 1 - jnp.arccos(_uniform(key, batch)) / (jnp.pi / 2)


def beta(key: jax.Array, batch: int, a: float, b: float) -> jax.Array:
    """Masked share by a beta distribution, of mean a / (a + b)."""
    return 1 - jax.random.beta(key, a, b, (batch, 1, 1, 1))


def gaussian(
    key: jax.Array, batch: int, mean: float, std: float, low: float, high: float
) -> jax.Array:
    """Masked share by a Gaussian cut off at `low` and `high` (MAGE, Li et al. 2023: the
    defaults of the spec).
    """
    lower, upper = (low - mean) / std, (high - mean) / std
    drawn = jax.random.truncated_normal(key, lower, upper, (batch, 1, 1, 1))
    return 1 - jnp.clip(mean + std * drawn, low, high)


def fixed(key: jax.Array, batch: int, ratio: float) -> jax.Array:
    """Masked share always `ratio`."""
    del key
    return jnp.full((batch, 1, 1, 1), 1 - ratio)


def _uniform(key: jax.Array, batch: int) -> jax.Array:
    return jax.random.uniform(key, (batch, 1, 1, 1))
