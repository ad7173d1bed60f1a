"""Analysis and synthesis transforms, and the smaller pair that codes the hyperprior."""

from collections.abc import Callable

import flax.linen as nn
import jax
import jax.numpy as jnp

from pqmim_jax.models.hyperprior.gdn import Gdn

HYPER_FACTOR = 4
"""Latents a side that one hyper-latent describes."""


class ConvAnalysis(nn.Module):
    """log2(f) strided 5x5 convolutions with GDN between them (Minnen et al. 2018, table 1)."""

    f: int
    width: int
    latent_channels: int
    dtype: jnp.dtype = jnp.float32
    kernel_init: Callable = nn.initializers.lecun_normal()  # of the last layer

    @nn.compact
    def __call__(self, image: jax.Array) -> jax.Array:
        """(B, H, W, 3) in [-0.5, 0.5] -> (B, H/f, W/f, latent_channels)."""
        x, halvings = image.astype(self.dtype), self.f.bit_length() - 1
        for i in range(halvings - 1):
            x = nn.Conv(self.width, (5, 5), 2, dtype=self.dtype, name=f"conv_{i}")(x)
            x = Gdn(dtype=self.dtype, name=f"gdn_{i}")(x)
        last = nn.Conv(
            *(self.latent_channels, (5, 5), 2),
            dtype=self.dtype,
            kernel_init=self.kernel_init,
            name=f"conv_{halvings - 1}",
        )
        return last(x)


class ConvSynthesis(nn.Module):
    """The mirror of `ConvAnalysis`: transposed convolutions and inverse GDN."""

    f: int
    width: int
    dtype: jnp.dtype = jnp.float32
    kernel_init: Callable = nn.initializers.lecun_normal()

    @nn.compact
    def __call__(self, latents: jax.Array) -> jax.Array:
        """(B, h, w, latent_channels) -> (B, h*f, w*f, 3)."""
        x, doublings = latents.astype(self.dtype), self.f.bit_length() - 1
        for i in range(doublings - 1):
            x = nn.ConvTranspose(self.width, (5, 5), (2, 2), dtype=self.dtype, name=f"conv_{i}")(x)
            x = Gdn(inverse=True, dtype=self.dtype, name=f"gdn_{i}")(x)
        last = nn.ConvTranspose(
            *(3, (5, 5), (2, 2)),
            dtype=self.dtype,
            kernel_init=self.kernel_init,
            name=f"conv_{doublings - 1}",
        )
        return last(x)


class HyperAnalysis(nn.Module):
    """Latents to hyper-latents, `HYPER_FACTOR` times coarser."""

    width: int
    channels: int
    dtype: jnp.dtype = jnp.float32

    @nn.compact
    def __call__(self, latents: jax.Array) -> jax.Array:
        """(B, h, w, C) -> (B, h/4, w/4, channels)."""
        x = nn.Conv(self.width, (3, 3), dtype=self.dtype, name="conv_0")(latents)
        x = nn.Conv(self.width, (5, 5), 2, dtype=self.dtype, name="conv_1")(nn.leaky_relu(x))
        last = nn.Conv(self.channels, (5, 5), 2, dtype=self.dtype, name="conv_2")
        return last(nn.leaky_relu(x)).astype(jnp.float32)


class HyperSynthesis(nn.Module):
    """Hyper-latents to two numbers a latent."""

    width: int
    channels: int
    dtype: jnp.dtype = jnp.float32

    @nn.compact
    def __call__(self, hyper: jax.Array) -> tuple[jax.Array, jax.Array]:
        """(B, h/4, w/4, C') -> means and log scales, each (B, h, w, channels) float32.

        Both are nearly zero at the start.
        """
        x = hyper.astype(self.dtype)
        for i in range(2):
            layer = nn.ConvTranspose(self.width, (5, 5), (2, 2), dtype=self.dtype, name=f"conv_{i}")
            x = nn.leaky_relu(layer(x))
        small = nn.initializers.variance_scaling(0.01, "fan_in", "normal")
        last = nn.Conv(
            2 * self.channels, (3, 3), dtype=self.dtype, kernel_init=small, name="conv_2"
        )
        means, log_scales = jnp.split(last(x).astype(jnp.float32), 2, axis=-1)
        return means, log_scales
