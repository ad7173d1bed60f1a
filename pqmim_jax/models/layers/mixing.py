"""Token mixers: cross-covariance attention, windowed self-attention, local depthwise filters."""

import flax.linen as nn
import jax
import jax.numpy as jnp

from pqmim_jax.models.layers.picture_sums import picture_sums
from pqmim_jax.models.layers.precision import at_least_float32
from pqmim_jax.models.layers.presence import counted


class DepthwiseFilter(nn.Module):
    """3x3 depthwise filter with zero padding, as nine shifted multiply-adds.

    XLA's depthwise convolution has slow gradients on CPU; nine fused multiply-adds do not.
    """

    dtype: jnp.dtype = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """(B, h, w, C) -> (B, h, w, C)."""
        h, w, channels = x.shape[1:]
        kernel = self.param("kernel", nn.initializers.normal(1 / 3), (3, 3, channels))
        bias = self.param("bias", nn.initializers.zeros, (channels,))
        kernel, bias = kernel.astype(self.dtype), bias.astype(self.dtype)
        padded = jnp.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
        out = bias
        for dy in range(3):
            for dx in range(3):
                out = out + padded[:, dy : dy + h, dx : dx + w] * kernel[dy, dx]
        return out


class CrossCovarianceAttention(nn.Module):
    """XCA: attention between channels instead of tokens (El-Nouby et al. 2021, section 3).

    Cost is linear in the number of tokens, so one model serves any resolution.
    """

    heads: int
    dtype: jnp.dtype = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, mask: jax.Array | None = None) -> jax.Array:
        """(B, h, w, C) -> (B, h, w, C); C must be a multiple of `heads`.

        Args:
          mask: (B, h, w) float32 as in `presence`: which tokens count in the statistics, whose
            sums are then `picture_sums`; None = all tokens.
        """
        b, h, w, channels = x.shape
        qkv = nn.Dense(3 * channels, use_bias=False, dtype=self.dtype, name="qkv")(x)
        qkv = qkv.reshape(b, h * w, 3, self.heads, channels // self.heads)
        q, k, v = jnp.moveaxis(qkv, 2, 0)
        q, k = q.astype(jnp.float32), k.astype(jnp.float32)
        if mask is None:
            q, k = _unit_norm_over_tokens(q), _unit_norm_over_tokens(k)
            correlation = jnp.einsum("bnhc,bnhd->bhcd", q, k)
        else:
            correlation = _masked_correlation(q, k, counted(mask).reshape(b, h * w, 1, 1))
        temperature = self.param("temperature", nn.initializers.ones, (self.heads, 1, 1))
        logits = correlation * temperature
        weights = jax.nn.softmax(logits, axis=-1).astype(self.dtype)
        out = jnp.einsum("bhcd,bnhd->bnhc", weights, v).reshape(b, h, w, channels)
        return nn.Dense(channels, dtype=self.dtype, name="projection")(out)


def _unit_norm_over_tokens(x: jax.Array) -> jax.Array:
    return x * jax.lax.rsqrt(jnp.sum(x * x, axis=1, keepdims=True) + 1e-6)


def _masked_correlation(q: jax.Array, k: jax.Array, mask: jax.Array) -> jax.Array:
    """What unit norms over tokens and their product give, from sums over the masked tokens.

    Args:
      q, k: (B, n, heads, c) float32.
      mask: (B, n, 1, 1).

    Returns:
      (B, heads, c, c).
    """
    q, k = q * mask, k * mask
    squares = (jnp.sum(a * a, axis=1)[..., None] for a in (q, k))
    sums = picture_sums(jnp.concatenate([jnp.einsum("bnhc,bnhd->bhcd", q, k), *squares], -1))
    products, q_squares, k_squares = jnp.split(sums, [q.shape[-1], q.shape[-1] + 1], axis=-1)
    scale = jax.lax.rsqrt(q_squares + 1e-6) * jax.lax.rsqrt(k_squares + 1e-6).swapaxes(-1, -2)
    return products * scale


class WindowAttention(nn.Module):
    """Self-attention over one square window of tokens, with a learned relative position bias.

    Positions enter only as offsets (Swin, Liu et al. 2021), so a window means the same wherever
    it lies in the picture.
    """

    heads: int
    dtype: jnp.dtype = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """(B, h, w, C) -> (B, h, w, C); C must be a multiple of `heads`."""
        b, h, w, channels = x.shape
        qkv = nn.Dense(3 * channels, dtype=self.dtype, name="qkv")(x)
        qkv = qkv.reshape(b, h * w, 3, self.heads, channels // self.heads)
        # Heads before tokens: XLA's CPU matrix products are a third slower across strides.
        q, k, v = qkv.transpose(2, 0, 3, 1, 4)
        table = self.param(
            "relative_bias", nn.initializers.zeros, (2 * h - 1, 2 * w - 1, self.heads)
        )
        logits = jnp.matmul(q, k.swapaxes(-1, -2)) * (channels // self.heads) ** -0.5
        logits = at_least_float32(logits) + _bias_matrix(table, h, w)
        weights = jax.nn.softmax(logits, axis=-1).astype(self.dtype)
        out = jnp.matmul(weights, v).transpose(0, 2, 1, 3).reshape(b, h, w, channels)
        self.sow("intermediates", "attended", out)
        return nn.Dense(channels, dtype=self.dtype, name="projection")(out)


def _bias_matrix(table: jax.Array, h: int, w: int) -> jax.Array:
    """(2h-1, 2w-1, heads) offsets -> (heads, h*w, h*w) bias of every query-key pair."""
    rows = jnp.arange(h)[:, None] - jnp.arange(h)[None, :] + h - 1
    columns = jnp.arange(w)[:, None] - jnp.arange(w)[None, :] + w - 1
    bias = table[rows[:, None, :, None], columns[None, :, None, :]]  # (h, w, h, w, heads)
    return bias.reshape(h * w, h * w, -1).transpose(2, 0, 1)


class Mlp(nn.Module):
    """Two dense layers around a GELU; hidden width = `ratio` times the input width."""

    ratio: int = 4
    dtype: jnp.dtype = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """(..., C) -> (..., C)."""
        channels = x.shape[-1]
        x = nn.Dense(self.ratio * channels, dtype=self.dtype, name="expand")(x)
        return nn.Dense(channels, dtype=self.dtype, name="contract")(nn.gelu(x))
