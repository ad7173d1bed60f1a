"""The `xcit` backbone: cross-covariance attention, local patch interaction, MLP."""

from functools import partial

import flax.linen as nn
import jax
import jax.numpy as jnp

from pqmim_jax.models.layers.mixing import CrossCovarianceAttention, DepthwiseFilter, Mlp
from pqmim_jax.models.layers.patches import space_to_depth
from pqmim_jax.models.layers.presence import zero_outside


class LocalPatchInteraction(nn.Module):
    """Two 3x3 depthwise filters around a GELU (XCiT, El-Nouby et al. 2021, section 3.2)."""

    dtype: jnp.dtype = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, mask: jax.Array | None = None) -> jax.Array:
        """(B, h, w, C) -> (B, h, w, C); `mask` as in `presence`."""
        first = DepthwiseFilter(dtype=self.dtype, name="first")
        x = nn.gelu(first(zero_outside(x, mask)))
        return DepthwiseFilter(dtype=self.dtype, name="second")(zero_outside(x, mask))


class XcitBlock(nn.Module):
    """Pre-norm XCA, local patch interaction and MLP, each scaled by a learned vector."""

    heads: int
    dtype: jnp.dtype = jnp.float32
    layer_scale: float = 0.1

    @nn.compact
    def __call__(self, x: jax.Array, mask: jax.Array | None = None) -> jax.Array:
        """(B, h, w, C) -> (B, h, w, C); `mask` as in `presence`."""
        attention = CrossCovarianceAttention(self.heads, self.dtype, name="attention")
        local = LocalPatchInteraction(self.dtype, name="local")
        mixers = (
            ("attention", partial(attention, mask=mask)),
            ("local", partial(local, mask=mask)),
            ("mlp", Mlp(dtype=self.dtype, name="mlp")),
        )
        for name, mixer in mixers:
            scale = self.param(
                f"{name}_scale", nn.initializers.constant(self.layer_scale), (x.shape[-1],)
            )
            normed = nn.LayerNorm(dtype=self.dtype, name=f"{name}_norm")(x)
            x = x + scale.astype(self.dtype) * mixer(normed)
        return x


class XcitEncoder(nn.Module):
    """Image to token features. Stem: one dense layer over f x f patches."""

    f: int
    width: int
    depth: int
    heads: int
    dtype: jnp.dtype = jnp.float32
    remat: bool = False

    @nn.compact
    def __call__(self, image: jax.Array, mask: jax.Array | None = None) -> jax.Array:
        """(B, H, W, 3) in [-0.5, 0.5] -> (B, H/f, W/f, width); `mask` as in `Autoencoder`."""
        x = space_to_depth(image, self.f).astype(self.dtype)
        x = nn.Dense(self.width, dtype=self.dtype, name="stem")(x)
        block = nn.remat(XcitBlock) if self.remat else XcitBlock
        for i in range(self.depth):
            x = block(self.heads, self.dtype, name=f"block_{i}")(x, mask)
        return nn.LayerNorm(dtype=self.dtype, name="norm")(x)


class XcitDecoder(nn.Module):
    """Quantized latents to token features, from which f x f patches are predicted."""

    width: int
    depth: int
    heads: int
    dtype: jnp.dtype = jnp.float32
    remat: bool = False

    @nn.compact
    def __call__(self, latents: jax.Array, mask: jax.Array | None = None) -> jax.Array:
        """(B, h, w, M*d) -> (B, h, w, width); `mask` as in `Autoencoder`."""
        x = nn.Dense(self.width, dtype=self.dtype, name="stem")(latents.astype(self.dtype))
        block = nn.remat(XcitBlock) if self.remat else XcitBlock
        for i in range(self.depth):
            x = block(self.heads, self.dtype, name=f"block_{i}")(x, mask)
        return nn.LayerNorm(dtype=self.dtype, name="norm")(x)
