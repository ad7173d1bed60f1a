"""The loss of the PQ-VAE, shared by its own stage and by perceptual training."""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from pqmim_jax.losses.codebook import codebook_loss, commitment_loss
from pqmim_jax.losses.distortion import distortion, mse
from pqmim_jax.models.autoencoder import Autoencoder, AutoencoderOutput

CODEBOOK_UPDATES = ("ema", "gradient")


def to_network(image: jax.Array) -> jax.Array:
    """uint8 samples -> float32 in [-0.5, 0.5] (float64 where JAX is set to 64 bits)."""
    return image.astype(float) / 255.0 - 0.5


def sample_quality(key: jax.Array, batch: int, m: int, full_share: float) -> jax.Array:
    """Nested dropout: all M sub-quantizers with probability `full_share`, else uniform 1..M."""
    keep_all, draw = jax.random.split(key)
    random = jax.random.randint(draw, (batch,), 1, m + 1)
    return jnp.where(jax.random.bernoulli(keep_all, full_share, (batch,)), m, random)


def build_pqvae_loss(model: Autoencoder, config) -> Callable:
    """Returns loss(params, image, quality, penalty) -> (output, losses (B,), rows).

    image: float32 (B, H, W, 3) in [-0.5, 0.5]; quality: (B,) int32 in 1..M; `penalty` as in
    `nearest_codewords`. `rows` are arrays (B, ...): metrics, and the `sub_vectors`, `indices` and
    `quality` that codebook updates need. `config` names distortion, weights and codebook update.

    Raises:
      ValueError: an unknown distortion or codebook update.
    """
    if config.codebook_update not in CODEBOOK_UPDATES:
        raise ValueError(
            f"unknown codebook_update {config.codebook_update!r}; "
            f"choices: {', '.join(CODEBOOK_UPDATES)}"
        )
    measure = distortion(config.distortion)
    samples = 3 * model.f**2

    def loss_of_rows(params, image, quality, penalty):
        out: AutoencoderOutput = model.apply({"params": params}, image, quality, penalty)
        rows = {
            "distortion": measure(out.reconstruction, image),
            "commitment": commitment_loss(out.sub_vectors, out.codewords, samples),
            "mse": mse(out.reconstruction, image),
            "sub_vectors": out.sub_vectors,
            "indices": out.indices,
            "quality": quality,
        }
        losses = config.distortion_weight * rows["distortion"]
        losses += config.commitment_weight * rows["commitment"]
        if config.codebook_update == "gradient":
            losses += codebook_loss(out.sub_vectors, out.codewords, samples)
        return out, losses, rows

    return loss_of_rows
