"""Where a region's tokens lie: networks that see a picture region by region know its borders.

A mask (B, h, w) float32 says it of each token: 1 counts in statistics over the picture (in exactly
one region), 1/2 is shown beside them, 0 lies outside of the picture. What is outside is zero in
front of every filter, as it is for a whole picture, whose borders are zero-padded. None stands for
a whole picture.
"""

import jax
import jax.numpy as jnp


def counted(mask: jax.Array) -> jax.Array:
    """1 where a token counts in statistics over the picture, else 0; shape of `mask`."""
    return jnp.maximum(2 * mask - 1, 0)


def zero_outside(x: jax.Array, mask: jax.Array | None) -> jax.Array:
    """Zeroes what lies outside of the picture.

    Args:
      x: (B, H, W, C), H and W multiples of the mask's sides.
      mask: (B, h, w), or None.

    Returns:
      shape and dtype of `x`.
    """
    if mask is None:
        return x
    rows, columns = x.shape[1] // mask.shape[1], x.shape[2] // mask.shape[2]
    inside = jnp.repeat(jnp.repeat(jnp.minimum(2 * mask, 1), rows, axis=1), columns, axis=2)
    return x * inside[..., None].astype(x.dtype)
