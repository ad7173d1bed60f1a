"""The `pyramid` backbone: residual convolutions at strides 4, 8 and 16, nothing over all tokens.

Patches of 4 x 4 pixels are the finest level. Widths double where resolution halves, so that a
3x3 convolution costs the same for each pixel at every level; at the coarsest, where most channels
are, it works on half of them (bottlenecks, He et al. 2016), between layers that mix channels only.
Without normalisation or attention a token depends on its neighbourhood alone, see `reach`;
instead, branches begin small (as in EDSR, Lim et al. 2017). Ours.
"""

import flax.linen as nn
import jax
import jax.numpy as jnp

from pqmim_jax.models.layers.patches import depth_to_space, space_to_depth
from pqmim_jax.models.layers.presence import zero_outside

PATCH = 4  # pixels a side of a cell of the finest level
_BRANCH_SCALE = 0.2  # what residual branches are multiplied by at first


def level_widths(f: int, base: int) -> list[int]:
    """Channels of the levels at strides 4, 8, .. f, finest first."""
    levels = f.bit_length() - PATCH.bit_length() + 1
    return [base * 2**i for i in range(levels)]


def reach(f: int, depth: int) -> int:
    """Pixels on each side of a token that its features in the encoder depend on, at most.

    A pixel of the decoder depends on no token that is further away. Each block has two 3x3
    convolutions at strides 4 .. f/2 and one at stride f; the stem has one.
    """
    return PATCH + depth * (2 * (f - PATCH) + f)


class Convolution(nn.Module):
    """A convolution in one of two forms: zero-padded, or of cells side by side, `stride` a side.

    `scaled`: each output channel has a factor, which begins small. It is multiplied into the
    kernel, so that it costs nothing per pixel.
    """

    features: int
    side: int = 3
    stride: int = 1
    scaled: bool = False
    dtype: jnp.dtype = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """(B, h, w, C) -> (B, h/stride, w/stride, features)."""
        shape = (self.side, self.side, x.shape[-1], self.features)
        kernel = self.param("kernel", nn.initializers.lecun_normal(), shape)
        bias = self.param("bias", nn.initializers.zeros, (self.features,))
        if self.scaled:
            begin = nn.initializers.constant(_BRANCH_SCALE)
            scale = self.param("scale", begin, (self.features,))
            kernel, bias = kernel * scale, bias * scale
        result = jax.lax.conv_general_dilated(
            x.astype(self.dtype),
            kernel.astype(self.dtype),
            (self.stride, self.stride),
            "SAME",
            dimension_numbers=("NHWC", "HWIO", "NHWC"),
        )
        return result + bias.astype(self.dtype)


class Block(nn.Module):
    """x + scale * conv3x3(gelu(conv3x3(x)))."""

    channels: int
    dtype: jnp.dtype = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, mask: jax.Array | None = None) -> jax.Array:
        """(B, h, w, C) -> (B, h, w, C); `mask` as in `presence`."""
        y = Convolution(self.channels, dtype=self.dtype, name="first")(zero_outside(x, mask))
        y = zero_outside(nn.gelu(y), mask)
        return x + Convolution(self.channels, scaled=True, dtype=self.dtype, name="second")(y)


class Bottleneck(nn.Module):
    """x + scale * conv1x1(gelu(conv3x3(gelu(conv1x1(x))))), half as wide inside."""

    channels: int
    dtype: jnp.dtype = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, mask: jax.Array | None = None) -> jax.Array:
        """(B, h, w, C) -> (B, h, w, C); `mask` as in `presence`."""
        half = self.channels // 2
        y = nn.gelu(Convolution(half, 1, dtype=self.dtype, name="contract")(x))
        y = nn.gelu(Convolution(half, dtype=self.dtype, name="filter")(zero_outside(y, mask)))
        return x + Convolution(self.channels, 1, scaled=True, dtype=self.dtype, name="expand")(y)


class ChannelMixer(nn.Module):
    """x + scale * conv1x1(gelu(conv1x1(x))), twice as wide inside."""

    channels: int
    dtype: jnp.dtype = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, mask: jax.Array | None = None) -> jax.Array:
        """(B, h, w, C) -> (B, h, w, C); looks at no neighbour, so at no `mask`."""
        # Convolutions, unlike products of matrices, keep the layout of those around them where a
        # runtime has one of its own.
        y = nn.gelu(Convolution(2 * self.channels, 1, dtype=self.dtype, name="expand")(x))
        return x + Convolution(self.channels, 1, scaled=True, dtype=self.dtype, name="contract")(y)


class Level(nn.Module):
    """All blocks at one resolution."""

    channels: int
    depth: int
    coarsest: bool
    dtype: jnp.dtype = jnp.float32
    remat: bool = False

    @nn.compact
    def __call__(self, x: jax.Array, mask: jax.Array | None = None) -> jax.Array:
        """(B, h, w, channels) -> (B, h, w, channels); `mask` as in `presence`."""
        kinds = {"bottleneck": Bottleneck, "mixer": ChannelMixer}
        kinds = kinds if self.coarsest else {"block": Block}
        for i in range(self.depth):
            for name, kind in kinds.items():
                block = nn.remat(kind) if self.remat else kind
                x = block(self.channels, self.dtype, name=f"{name}_{i}")(x, mask)
        return x


class PyramidEncoder(nn.Module):
    """Image to token features, from fine to coarse."""

    f: int
    base_width: int
    depth: int
    dtype: jnp.dtype = jnp.float32
    remat: bool = False

    @nn.compact
    def __call__(self, image: jax.Array, mask: jax.Array | None = None) -> jax.Array:
        """(B, H, W, 3) in [-0.5, 0.5] -> (B, H/f, W/f, width of the coarsest level).

        `mask` as in `Autoencoder`.
        """
        widths = level_widths(self.f, self.base_width)
        x = Convolution(widths[0], dtype=self.dtype, name="stem")(space_to_depth(image, PATCH))
        for i, width in enumerate(widths):
            if i > 0:
                x = Convolution(width, 2, stride=2, dtype=self.dtype, name=f"down_{i}")(x)
            coarsest = i == len(widths) - 1
            level = Level(width, self.depth, coarsest, self.dtype, self.remat, name=f"level_{i}")
            x = level(x, mask)
        return x


class PyramidDecoder(nn.Module):
    """Quantized latents to features of patches, from coarse to fine."""

    f: int
    base_width: int
    depth: int
    dtype: jnp.dtype = jnp.float32
    remat: bool = False

    @nn.compact
    def __call__(self, latents: jax.Array, mask: jax.Array | None = None) -> jax.Array:
        """(B, h, w, M*d) -> (B, h*f/PATCH, w*f/PATCH, base_width); `mask` as in `Autoencoder`."""
        widths = level_widths(self.f, self.base_width)[::-1]
        x = Convolution(widths[0], 1, dtype=self.dtype, name="stem")(latents)
        for i, width in enumerate(widths):
            if i > 0:
                x = Convolution(4 * width, 1, dtype=self.dtype, name=f"up_{i}")(x)
                x = depth_to_space(x, 2)
            level = Level(width, self.depth, i == 0, self.dtype, self.remat, name=f"level_{i}")
            x = level(x, mask)
        return x
