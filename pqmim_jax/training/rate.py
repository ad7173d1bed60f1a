"""The price of codewords in training: entropy-constrained quantization (Chou et al. 1989).

The encoder of the codec chooses codewords by distance + lambda x bits. Codebooks and decoder that
are trained on such choices fit them better than ones that only ever saw nearest codewords (ours).
"""

import jax
import jax.numpy as jnp

from pqmim_jax.losses.distortion import PEAK
from pqmim_jax.training.config import ConfigError

_MAX_BITS = 20.0  # of a codeword never seen


def quality_weights(rate_weights, rate_scale: float, num_codebooks: int) -> jax.Array | None:
    """Lambda of qualities 1..M, (M,) float32; None if all are zero.

    Args:
      rate_weights: `codec.rate_weights`, in squared error (8-bit units, summed over a token) a bit.
      rate_scale: multiplies them.

    Raises:
      ConfigError: a scale without weights, a negative one, or not one weight for each quality.
    """
    if rate_scale == 0:
        return None
    if rate_scale < 0 or len(rate_weights) != num_codebooks:
        raise ConfigError(
            f"rate_scale {rate_scale} must be >= 0 and codec.rate_weights must hold "
            f"{num_codebooks} values, not {len(rate_weights)}"
        )
    return rate_scale * jnp.asarray(rate_weights, jnp.float32)


def balanced(weights: jax.Array | None, balance: float) -> jax.Array | None:
    """What examples of qualities 1..M count in the loss, (M,) float32, 1 in the mean.

    (lambda of the quality / lambda of quality M) ** -balance. Where lambda spans a wide range, low
    qualities, whose errors are large, otherwise own the gradient.

    Args:
      weights: lambda of qualities 1..M, or None: `balance` must then be 0.
      balance: 0 (all count alike) to 1.

    Returns:
      None if all count alike.

    Raises:
      ConfigError: `balance` is out of range, or not 0 without lambdas, or a lambda is 0.
    """
    if not 0 <= balance <= 1:
        raise ConfigError(f"balance must be in [0, 1], got {balance}")
    if balance == 0:
        return None
    if weights is None or not (weights > 0).all():
        raise ConfigError("balance needs a rate_scale and codec.rate_weights above 0")
    shares = (weights / weights[-1]) ** -balance
    return shares / shares.mean()


def static_bits(counts: jax.Array) -> jax.Array:
    """Ideal code length of every codeword by its frequency; counts (..., K) -> float32."""
    share = counts / jnp.maximum(counts.sum(-1, keepdims=True), 1e-9)
    return jnp.minimum(-jnp.log2(jnp.maximum(share, 1e-12)), _MAX_BITS)


def bits_at(bits: jax.Array, quality: jax.Array) -> jax.Array:
    """Prices of codewords for examples of some qualities.

    Args:
      bits: (M, K), the same for all; or (M, M, K), whose row q - 1 is of quality q.
      quality: (B,) int32, 1..M.

    Returns:
      (M, K), or (B, 1, 1, M, K).
    """
    return bits if bits.ndim == 2 else bits[quality - 1][:, None, None]


def penalty(bits: jax.Array, weights: jax.Array) -> jax.Array:
    """Price of codewords on the scale of squared distances between latents.

    Args:
      bits: (M, K), or (B, 1, 1, M, K), or (B, h, w, M, K).
      weights: (B,) lambda of every example.

    Returns:
      (B, 1, 1, M, K), or the shape of `bits`.
    """
    return weights[:, None, None, None, None] * bits / PEAK**2
