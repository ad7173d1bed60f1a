"""The `conv` backbone: a VQGAN-style residual trunk, XCA at the coarsest level.

VQGAN: Esser et al. 2021. Channel multipliers (1, 2, 2, 4), two residual blocks a level and
cross-covariance instead of self-attention are those of the nearest public relative of the
paper's autoencoder; for f = 16 the last multiplier is repeated (ours).
"""

import flax.linen as nn
import jax
import jax.numpy as jnp

from pqmim_jax.models.layers.mixing import CrossCovarianceAttention
from pqmim_jax.models.layers.normalization import GroupNorm
from pqmim_jax.models.layers.patches import depth_to_space, space_to_depth
from pqmim_jax.models.layers.presence import zero_outside

_MULTIPLIERS = (1, 2, 2, 4)


def level_widths(f: int, base: int) -> list[int]:
    """Channels of each resolution level, finest first: log2(f) + 1 levels."""
    levels = f.bit_length()
    return [base * _MULTIPLIERS[min(i, len(_MULTIPLIERS) - 1)] for i in range(levels)]


class ResidualBlock(nn.Module):
    """GroupNorm, swish and 3x3 convolution, twice, around a skip connection."""

    channels: int
    dtype: jnp.dtype = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, mask: jax.Array | None = None) -> jax.Array:
        """(B, h, w, C) -> (B, h, w, channels); `mask` as in `presence`."""
        residual = x
        for i in range(2):
            groups = min(8, x.shape[-1])
            x = nn.swish(GroupNorm(groups, dtype=self.dtype, name=f"norm_{i}")(x, mask))
            x = zero_outside(x, mask)
            x = nn.Conv(self.channels, (3, 3), dtype=self.dtype, name=f"conv_{i}")(x)
        if residual.shape[-1] != self.channels:
            residual = nn.Dense(self.channels, dtype=self.dtype, name="skip")(residual)
        return x + residual


class _Coarsest(nn.Module):
    """Residual block, XCA, residual block: the bottom of the trunk."""

    heads: int
    dtype: jnp.dtype = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, mask: jax.Array | None = None) -> jax.Array:
        channels = x.shape[-1]
        x = ResidualBlock(channels, self.dtype, name="before")(x, mask)
        normed = nn.LayerNorm(dtype=self.dtype, name="attention_norm")(x)
        attention = CrossCovarianceAttention(self.heads, self.dtype, name="attention")
        x = x + attention(normed, mask)
        return ResidualBlock(channels, self.dtype, name="after")(x, mask)


class ConvEncoder(nn.Module):
    """Image to token features through log2(f) halvings."""

    f: int
    base_width: int
    blocks: int
    heads: int
    dtype: jnp.dtype = jnp.float32
    remat: bool = False

    @nn.compact
    def __call__(self, image: jax.Array, mask: jax.Array | None = None) -> jax.Array:
        """(B, H, W, 3) in [-0.5, 0.5] -> (B, H/f, W/f, width of the coarsest level).

        `mask` as in `Autoencoder`.
        """
        block = nn.remat(ResidualBlock) if self.remat else ResidualBlock
        widths = level_widths(self.f, self.base_width)
        x = nn.Conv(widths[0], (3, 3), dtype=self.dtype, name="stem")(image.astype(self.dtype))
        for level, width in enumerate(widths):
            if level > 0:
                x = nn.Dense(width, dtype=self.dtype, name=f"down_{level}")(space_to_depth(x, 2))
            for i in range(self.blocks):
                x = block(width, self.dtype, name=f"level_{level}_block_{i}")(x, mask)
        x = _Coarsest(self.heads, self.dtype, name="coarsest")(x, mask)
        return nn.LayerNorm(dtype=self.dtype, name="norm")(x)


class ConvDecoder(nn.Module):
    """Quantized latents to pixel features through log2(f) doublings."""

    f: int
    base_width: int
    blocks: int
    heads: int
    dtype: jnp.dtype = jnp.float32
    remat: bool = False

    @nn.compact
    def __call__(self, latents: jax.Array, mask: jax.Array | None = None) -> jax.Array:
        """(B, h, w, M*d) -> (B, h*f, w*f, base_width); `mask` as in `Autoencoder`."""
        block = nn.remat(ResidualBlock) if self.remat else ResidualBlock
        widths = level_widths(self.f, self.base_width)[::-1]
        x = nn.Dense(widths[0], dtype=self.dtype, name="stem")(latents.astype(self.dtype))
        x = _Coarsest(self.heads, self.dtype, name="coarsest")(x, mask)
        for level, width in enumerate(widths):
            if level > 0:
                x = nn.Dense(4 * width, dtype=self.dtype, name=f"up_{level}")(x)
                x = depth_to_space(x, 2)
            for i in range(self.blocks):
                x = block(width, self.dtype, name=f"level_{level}_block_{i}")(x, mask)
        return nn.swish(nn.LayerNorm(dtype=self.dtype, name="norm")(x))
