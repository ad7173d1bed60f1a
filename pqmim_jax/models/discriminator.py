"""Patch discriminator (Isola et al. 2017), conditioned on codes as in HiFiC.

HiFiC: Mentzer et al. 2020, section 3 and appendix A: spectral norm in every layer, leaky ReLU of
slope 0.2, no other normalisation; strided 4x4 convolutions that double the width.
"""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from pqmim_jax.models.checks import activation_dtype
from pqmim_jax.models.layers.spectral import SpectralConv

_SLOPE = 0.2
_WIDEST = 8  # times the width of the first layer


class Discriminator(nn.Module):
    """A logit for every patch of an image: above 0 it looks real.

    `depth` convolutions of stride 2, one of stride 1 and a 1x1 convolution to the logit. What a
    logit sees is a patch of about 16 x 2^(depth - 1) pixels a side.
    """

    width: int  # channels after the first convolution
    depth: int
    condition_width: int = 0  # channels that the codes are projected to; 0 = not conditioned
    spectral_norm: bool = True
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, image: jax.Array, condition: jax.Array) -> jax.Array:
        """Logits of the patches.

        Args:
          image: (B, H, W, 3) float32, about [-0.5, 0.5].
          condition: (B, h, w, C) code embeddings with H, W multiples of h, w.

        Returns:
          (B, H / 2^depth, W / 2^depth, 1) float32, sides rounded up.
        """
        x = 2 * image
        if self.condition_width:
            projected = self._conv("condition", self.condition_width, 3)(condition)
            x = jnp.concatenate([x, _enlarge(nn.leaky_relu(projected, _SLOPE), x)], axis=-1)
        for i in range(self.depth):
            channels = self.width * min(2**i, _WIDEST)
            x = nn.leaky_relu(self._conv(f"down_{i}", channels, 4, stride=2)(x), _SLOPE)
        x = nn.leaky_relu(self._conv("last", x.shape[-1], 4)(x), _SLOPE)
        logits = self._conv("logit", 1, 1)(x)
        return logits.astype(jnp.promote_types(logits.dtype, jnp.float32))

    def _conv(self, name: str, channels: int, size: int, stride: int = 1) -> SpectralConv:
        return SpectralConv(channels, size, stride, self.spectral_norm, self.dtype, name=name)


def build_discriminator(config) -> Discriminator:
    """From the section `perceptual_training.discriminator`; ValueError on a bad choice."""
    for name, least in (("width", 1), ("depth", 1), ("condition_width", 0)):
        if config[name] < least:
            raise ValueError(f"discriminator.{name} must be >= {least}, got {config[name]}")
    fields = {name: config[name] for name in ("width", "depth", "condition_width", "spectral_norm")}
    return Discriminator(**fields, dtype=activation_dtype(config.dtype))


def _enlarge(x: jax.Array, like: jax.Array) -> jax.Array:
    """(B, h, w, C) -> (B, H, W, C) with H and W of `like`, nearest neighbour."""
    return jax.image.resize(x, (*like.shape[:3], x.shape[-1]), "nearest").astype(like.dtype)
