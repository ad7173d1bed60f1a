"""Generalised divisive normalisation (Ballé, Laparra and Simoncelli 2016)."""

import flax.linen as nn
import jax
import jax.numpy as jnp

from pqmim_jax.models.hyperprior.bounds import lower_bound

_SMALLEST_BETA = 1e-6


class Gdn(nn.Module):
    """y_i = x_i / sqrt(beta_i + sum_j gamma_ij x_j^2); `inverse` multiplies instead."""

    inverse: bool = False
    dtype: jnp.dtype = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """(B, h, w, C) -> (B, h, w, C)."""
        channels = x.shape[-1]
        beta = self.param("beta", nn.initializers.ones, (channels,))
        gamma = self.param("gamma", lambda *_: 0.1 * jnp.eye(channels))
        beta, gamma = lower_bound(beta, _SMALLEST_BETA), lower_bound(gamma, 0.0)
        norm = beta.astype(self.dtype) + (x * x) @ gamma.astype(self.dtype)
        return x * (jnp.sqrt(norm) if self.inverse else jax.lax.rsqrt(norm))
