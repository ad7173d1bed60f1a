"""Inception v3 up to its last average pool, in the variant that FID is computed with.

Szegedy et al. 2016, with the changes of the network that Heusel et al. 2017 published FID with, as
pytorch-fid has them: average pools count no padding, and the last block pools by maximum. Batch
normalisation is folded into the convolutions. Names of submodules are those of torchvision.
"""

import flax.linen as nn
import jax
import jax.numpy as jnp

SIDE = 299  # the network was trained on pictures of this size
FEATURES = 2048


class Conv(nn.Module):
    """Convolution with bias, then ReLU; "SAME" padding of zeros unless told."""

    features: int
    kernel: tuple[int, int] = (1, 1)
    stride: int = 1
    padding: str = "SAME"

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """(B, h, w, C) -> (B, h', w', features)."""
        kernel = self.param(
            "kernel", nn.initializers.he_normal(), (*self.kernel, x.shape[-1], self.features)
        )
        bias = self.param("bias", nn.initializers.zeros, (self.features,))
        strides = (self.stride, self.stride)
        layout = ("NHWC", "HWIO", "NHWC")
        x = jax.lax.conv_general_dilated(x, kernel, strides, self.padding, dimension_numbers=layout)
        return nn.relu(x + bias)


def _chain(x: jax.Array, prefix: str, *layers: tuple) -> jax.Array:
    """Convolutions one after another, called prefix_1, prefix_2, ..."""
    for i, layer in enumerate(layers, 1):
        x = Conv(*layer, name=f"{prefix}_{i}")(x)
    return x


def _average(x: jax.Array) -> jax.Array:
    return nn.avg_pool(x, (3, 3), (1, 1), "SAME", count_include_pad=False)


def _halve(x: jax.Array) -> jax.Array:
    return nn.max_pool(x, (3, 3), (2, 2), "VALID")


class _BlockA(nn.Module):
    """35 x 35."""

    pool_features: int

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        branches = [
            Conv(64, name="branch1x1")(x),
            _chain(x, "branch5x5", (48,), (64, (5, 5))),
            _chain(x, "branch3x3dbl", (64,), (96, (3, 3)), (96, (3, 3))),
            Conv(self.pool_features, name="branch_pool")(_average(x)),
        ]
        return jnp.concatenate(branches, axis=-1)


class _BlockB(nn.Module):
    """35 x 35 to 17 x 17."""

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        halving = ((3, 3), 2, "VALID")
        branches = [
            Conv(384, *halving, name="branch3x3")(x),
            _chain(x, "branch3x3dbl", (64,), (96, (3, 3)), (96, *halving)),
            _halve(x),
        ]
        return jnp.concatenate(branches, axis=-1)


class _BlockC(nn.Module):
    """17 x 17."""

    width: int

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        wide, tall, n = (1, 7), (7, 1), self.width
        branches = [
            Conv(192, name="branch1x1")(x),
            _chain(x, "branch7x7", (n,), (n, wide), (192, tall)),
            _chain(x, "branch7x7dbl", (n,), (n, tall), (n, wide), (n, tall), (192, wide)),
            Conv(192, name="branch_pool")(_average(x)),
        ]
        return jnp.concatenate(branches, axis=-1)


class _BlockD(nn.Module):
    """17 x 17 to 8 x 8."""

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        halving = ((3, 3), 2, "VALID")
        branches = [
            _chain(x, "branch3x3", (192,), (320, *halving)),
            _chain(x, "branch7x7x3", (192,), (192, (1, 7)), (192, (7, 1)), (192, *halving)),
            _halve(x),
        ]
        return jnp.concatenate(branches, axis=-1)


class _BlockE(nn.Module):
    """8 x 8; `maximum`: the last branch pools by maximum, as only the last block does."""

    maximum: bool

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        pooled = nn.max_pool(x, (3, 3), (1, 1), "SAME") if self.maximum else _average(x)
        narrow = Conv(384, name="branch3x3_1")(x)
        double = _chain(x, "branch3x3dbl", (448,), (384, (3, 3)))
        branches = [
            Conv(320, name="branch1x1")(x),
            Conv(384, (1, 3), name="branch3x3_2a")(narrow),
            Conv(384, (3, 1), name="branch3x3_2b")(narrow),
            Conv(384, (1, 3), name="branch3x3dbl_3a")(double),
            Conv(384, (3, 1), name="branch3x3dbl_3b")(double),
            Conv(192, name="branch_pool")(pooled),
        ]
        return jnp.concatenate(branches, axis=-1)


class InceptionV3(nn.Module):
    """Features of pictures for FID and KID."""

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Pictures to features of the last average pool.

        Args:
          x: float32 (B, H, W, 3) in [0, 1]; resized to 299 x 299 first, bilinearly and without a
            low pass, as pytorch-fid does.

        Returns:
          float32 (B, 2048).
        """
        x = jax.image.resize(x, (x.shape[0], SIDE, SIDE, x.shape[-1]), "linear", antialias=False)
        x = Conv(32, (3, 3), 2, "VALID", name="Conv2d_1a_3x3")(2 * x - 1)
        x = Conv(32, (3, 3), 1, "VALID", name="Conv2d_2a_3x3")(x)
        x = _halve(Conv(64, (3, 3), name="Conv2d_2b_3x3")(x))
        x = Conv(80, name="Conv2d_3b_1x1")(x)
        x = _halve(Conv(192, (3, 3), 1, "VALID", name="Conv2d_4a_3x3")(x))
        for letter, pool_features in zip("bcd", (32, 64, 64), strict=True):
            x = _BlockA(pool_features, name=f"Mixed_5{letter}")(x)
        x = _BlockB(name="Mixed_6a")(x)
        for letter, width in zip("bcde", (128, 160, 160, 192), strict=True):
            x = _BlockC(width, name=f"Mixed_6{letter}")(x)
        x = _BlockD(name="Mixed_7a")(x)
        x = _BlockE(maximum=False, name="Mixed_7b")(x)
        x = _BlockE(maximum=True, name="Mixed_7c")(x)
        return jnp.mean(x, axis=(1, 2))
