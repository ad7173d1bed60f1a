"""Group normalisation that a codec can run region by region."""

import flax.linen as nn
import jax
import jax.numpy as jnp

from pqmim_jax.models.layers.picture_sums import picture_sums
from pqmim_jax.models.layers.presence import counted


class GroupNorm(nn.GroupNorm):
    """Flax's, with statistics over masked tokens on request."""

    @nn.compact
    def __call__(self, x: jax.Array, mask: jax.Array | None = None) -> jax.Array:
        """(B, H, W, C) -> (B, H, W, C).

        Args:
          mask: (B, h, w) float32 as in `presence`: which tokens, H/h x W/w samples each, count
            in mean and variance; their sums are then `picture_sums`. None = all tokens.
        """
        if mask is None:
            return super().__call__(x)
        channels = x.shape[-1]
        scale = self.param("scale", self.scale_init, (channels,), self.param_dtype)
        bias = self.param("bias", self.bias_init, (channels,), self.param_dtype)
        mean, variance = _masked_moments(x.astype(jnp.float32), mask, self.num_groups)
        normed = (x - mean) * (jax.lax.rsqrt(variance + self.epsilon) * scale) + bias
        return normed.astype(self.dtype or x.dtype)


def _masked_moments(x: jax.Array, mask: jax.Array, groups: int) -> tuple[jax.Array, jax.Array]:
    """Mean and variance of each channel's group, (B, 1, 1, C), from sums over masked tokens."""
    (b, h, _, channels), (_, rows, columns) = x.shape, mask.shape
    cells = x.reshape(b, rows, h // rows, columns, -1, groups, channels // groups)
    each = [jnp.sum(a, axis=(2, 4, 6)) for a in (jnp.ones_like(cells), cells, cells * cells)]
    sums = jnp.einsum("sbhwg,bhw->bgs", jnp.stack(each), counted(mask))
    count, total, squares = jnp.moveaxis(picture_sums(sums), -1, 0)
    mean = total / count
    variance = jnp.maximum(squares / count - mean * mean, 0.0)
    return tuple(
        jnp.repeat(a, channels // groups, axis=-1)[:, None, None] for a in (mean, variance)
    )
