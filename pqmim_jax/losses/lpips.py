"""LPIPS, learned perceptual image patch similarity (Zhang et al. 2018), version 0.1.

Equal to the PyTorch package `lpips` 0.1.4 with `net="vgg"` or `net="alex"`. Source and licences
of the weights: `pqmim_jax.losses.lpips_weights`.
"""

import jax
import jax.numpy as jnp

from pqmim_jax.losses.lpips_weights import load_lpips, save_lpips
from pqmim_jax.models.perceptual_trunks import smallest_side, trunk_features

__all__ = ["distance_maps", "features", "load_lpips", "lpips", "save_lpips"]

# Of the reference's scaling layer, for samples in [-1, 1].
_SHIFT = (-0.030, -0.088, -0.188)
_SCALE = (0.458, 0.448, 0.450)
_EPSILON = 1e-10


def lpips(params: dict, a: jax.Array, b: jax.Array, *, trunk: str) -> jax.Array:
    """Perceptual distance of each pair of images; differentiable in both.

    Gradients towards an image that is only compared with cost nothing under
    `jax.lax.stop_gradient`.

    Args:
      params: of `load_lpips(trunk)`.
      a, b: float32 (B, H, W, 3) in [-0.5, 0.5].
      trunk: "vgg16" (the usual loss) or "alexnet" (the usual metric).

    Returns:
      float32 (B,), 0 for equal images.

    Raises:
      ValueError: unknown trunk, unequal shapes, or images too small for the trunk.
    """
    if a.shape != b.shape:
        raise ValueError(f"LPIPS needs images of one shape, got {a.shape} and {b.shape}")
    maps = distance_maps(params, a, b, trunk=trunk)
    return sum(jnp.mean(layer, axis=(1, 2)) for layer in maps)


def distance_maps(params: dict, a: jax.Array, b: jax.Array, *, trunk: str) -> list[jax.Array]:
    """The distance before averaging: float32 (B, h, w) for each of the five layers."""
    pairs = zip(features(params, a, trunk=trunk), features(params, b, trunk=trunk), strict=True)
    return [
        jnp.sum((_unit_length(x) - _unit_length(y)) ** 2 * params["heads"][f"head_{i}"], axis=-1)
        for i, (x, y) in enumerate(pairs)
    ]


def features(params: dict, x: jax.Array, *, trunk: str) -> list[jax.Array]:
    """Feature maps of the trunk.

    Args:
      params: of `load_lpips(trunk)`.
      x: float32 (B, H, W, 3) in [-0.5, 0.5].

    Returns:
      five float32 arrays (B, h, w, c), finest first, none negative.

    Raises:
      ValueError: unknown trunk or images too small for it.
    """
    smallest = smallest_side(trunk)
    if min(x.shape[1:3]) < smallest:
        raise ValueError(f"{trunk} needs sides of at least {smallest} pixels, got {x.shape}")
    shift, scale = jnp.array(_SHIFT, x.dtype), jnp.array(_SCALE, x.dtype)
    return trunk_features(params["trunk"], (2 * x - shift) / scale, trunk)


def _unit_length(x: jax.Array) -> jax.Array:
    squared = jnp.sum(x**2, axis=-1, keepdims=True)
    # The square root's gradient at 0 is infinite; where all channels are 0, there is none.
    positive = squared > 0
    norm = jnp.where(positive, jnp.sqrt(jnp.where(positive, squared, 1)), 0)
    return x / (norm + _EPSILON)
