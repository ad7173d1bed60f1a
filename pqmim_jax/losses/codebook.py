"""Terms that tie encoder outputs and codewords together, and codebook health."""

import jax
import jax.numpy as jnp

from pqmim_jax.losses.distortion import PEAK


def commitment_loss(sub_vectors: jax.Array, codewords: jax.Array, pixels: int) -> jax.Array:
    """Pulls encoder outputs to their codewords; gradient reaches the encoder only.

    On the scale of the distortion: squared error of a token's latents over the samples (pixels
    times channels) that the token stands for. For an orthonormal transform it *is* the
    distortion that quantization adds.

    Args:
      sub_vectors, codewords: (B, h, w, M, d).
      pixels: samples per token, 3 * f * f.

    Returns:
      (B,), in squared 8-bit units.
    """
    return _scaled_error(sub_vectors, jax.lax.stop_gradient(codewords), pixels)


def codebook_loss(sub_vectors: jax.Array, codewords: jax.Array, pixels: int) -> jax.Array:
    """Pulls codewords to the encoder outputs, (B,); gradient reaches the codebooks only."""
    return _scaled_error(jax.lax.stop_gradient(sub_vectors), codewords, pixels)


def _scaled_error(a: jax.Array, b: jax.Array, pixels: int) -> jax.Array:
    return PEAK**2 * jnp.mean(jnp.sum((a - b) ** 2, axis=(-2, -1)), axis=(1, 2)) / pixels


def perplexity(counts: jax.Array) -> jax.Array:
    """exp(entropy) of codeword usage; (M, K) counts -> (M,), in [1, K]."""
    p = counts / jnp.maximum(counts.sum(-1, keepdims=True), 1e-9)
    return jnp.exp(-jnp.sum(p * jnp.log(jnp.maximum(p, 1e-12)), axis=-1))
