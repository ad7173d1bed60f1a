"""What adversarial training needs of the model that it trains, whichever model that is."""

from collections.abc import Callable
from typing import Any

import flax.struct
import jax

from pqmim_jax.models.autoencoder import Autoencoder
from pqmim_jax.models.quantizer import keep_leading
from pqmim_jax.training import rate
from pqmim_jax.training.pqvae_loss import build_pqvae_loss, sample_quality, to_network


@flax.struct.dataclass
class Generated:
    """One forward pass over the images of a batch, or of a part of it."""

    reconstruction: jax.Array  # (B, H, W, 3) float32 in about [-0.5, 0.5], not clipped
    condition: jax.Array  # (B, h, w, C) float32: code embeddings the discriminator may see
    # (B,) float32: all that the generator minimises besides LPIPS and the adversarial term:
    # weighted distortion, commitment, rate.
    losses: jax.Array
    rows: dict[str, jax.Array]  # (B, ...): (B,) are metrics, the rest is for codebook updates


# (params, {"image": uint8 (B, H, W, 3)}, key) -> Generated. The image is that of the batch or of
# one part of it, the key one for all its rows.
GeneratorFn = Callable[[Any, dict[str, jax.Array], jax.Array], Generated]


def pqvae_generator(model: Autoencoder, options, bits=None, rate_weights=None) -> GeneratorFn:
    """The PQ-VAE as a generator, with nested dropout and the losses of its own stage.

    Args:
      options: section of the config with the loss of `build_pqvae_loss` and `full_quality_share`.
      bits, rate_weights: prices of codewords, (M, K) or by quality (M, M, K), and lambda of
        qualities 1..M: codewords are chosen by both as in `training.rate`. Without weights, the
        nearest ones.

    Raises:
      ValueError: an unknown distortion or codebook update.
    """
    loss_of_rows = build_pqvae_loss(model, options)

    def generate(params, part, key) -> Generated:
        size = part["image"].shape[0]
        quality = sample_quality(key, size, model.num_codebooks, options.full_quality_share)
        penalty = 0.0
        if rate_weights is not None:
            penalty = rate.penalty(rate.bits_at(bits, quality), rate_weights[quality - 1])
        out, losses, rows = loss_of_rows(params, to_network(part["image"]), quality, penalty)
        condition = keep_leading(out.codewords, quality)
        condition = condition.reshape(*condition.shape[:3], -1)
        return Generated(out.reconstruction, condition, losses, rows)

    return generate
