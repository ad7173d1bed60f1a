"""Densities integrated over intervals of width 1: the probabilities that a coder spends bits on."""

import itertools
import math

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.scipy.special import ndtr

from pqmim_jax.models.hyperprior.bounds import lower_bound
from pqmim_jax.models.hyperprior.symbol_weights import SMALLEST_SCALE

_SMALLEST_LIKELIHOOD = 1e-9


def gaussian_bits(offset: jax.Array, scale: jax.Array) -> jax.Array:
    """-log2 of the mass of N(0, scale^2) on [offset - 1/2, offset + 1/2], elementwise.

    Args:
      offset: value less mean, in quantization steps.
      scale: >= 0, bounded below by `SMALLEST_SCALE`.

    Returns:
      at most 30 bits each.
    """
    scale = lower_bound(scale, SMALLEST_SCALE)
    # By symmetry in the lower tail, where the difference of two values of the CDF is accurate.
    distance = jnp.abs(offset)
    mass = ndtr((0.5 - distance) / scale) - ndtr((-0.5 - distance) / scale)
    return -jnp.log2(lower_bound(mass, _SMALLEST_LIKELIHOOD))


class FactorizedPrior(nn.Module):
    """A learned density a channel: a monotone network is its CDF (Ballé et al. 2018, app. 6.1)."""

    channels: int
    filters: tuple[int, ...] = (3, 3, 3)
    spread: float = 4.0  # about the width of the density at the start

    def setup(self):
        """One small matrix, bias and gate a layer and channel."""
        sizes = (1, *self.filters, 1)
        step = self.spread ** (1 / (len(sizes) - 1))
        self.layers = [
            self._layer(i, size, out, 1 / step / out)
            for i, (size, out) in enumerate(itertools.pairwise(sizes))
        ]

    def _layer(self, i: int, size: int, out: int, slope: float) -> tuple[jax.Array, ...]:
        """Matrix, bias and gate; the matrix passes a softplus, after which it is `slope`."""
        matrix = nn.initializers.constant(math.log(math.expm1(slope)))

        # Spread evenly where the paper draws at random: what counts is that they differ.
        bias = nn.initializers.zeros if out == 1 else _spread_evenly

        return (
            self.param(f"matrix_{i}", matrix, (self.channels, out, size)),
            self.param(f"bias_{i}", bias, (self.channels, out, 1)),
            self.param(f"gate_{i}", nn.initializers.zeros, (self.channels, out, 1)),
        )

    def bits(self, value: jax.Array, half: jax.Array) -> jax.Array:
        """-log2 of the mass on [value - half, value + half].

        Args:
          value: (..., channels).
          half: broadcasts to it; half a quantization step, > 0.

        Returns:
          the shape of `value`, at most 30 bits each.
        """
        return -jnp.log2(lower_bound(self.mass(value, half), _SMALLEST_LIKELIHOOD))

    def mass(self, value: jax.Array, half: jax.Array) -> jax.Array:
        """As `bits`, the mass itself."""
        below, above = self.cdf_logits(value - half), self.cdf_logits(value + half)
        # In the tail where the sigmoid is small, for the difference to be accurate.
        sign = -jax.lax.stop_gradient(jnp.sign(below + above))
        return jnp.abs(jax.nn.sigmoid(sign * above) - jax.nn.sigmoid(sign * below))

    def cdf_logits(self, value: jax.Array) -> jax.Array:
        """Logit of the CDF at values (..., channels)."""
        x = jnp.moveaxis(value, -1, 0).reshape(self.channels, 1, -1)
        for i, (matrix, bias, gate) in enumerate(self.layers):
            x = jnp.einsum("coi,cin->con", jax.nn.softplus(matrix), x) + bias
            if i < len(self.layers) - 1:
                x = x + jnp.tanh(gate) * jnp.tanh(x)
        return jnp.moveaxis(x.reshape(self.channels, *value.shape[:-1]), 0, -1)


def _spread_evenly(key: jax.Array, shape: tuple[int, ...]) -> jax.Array:
    """(channels, out, 1), from -1/2 to 1/2 over `out`."""
    del key
    return jnp.broadcast_to(jnp.linspace(-0.5, 0.5, shape[1])[:, None], shape)
