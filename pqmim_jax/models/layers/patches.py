"""Images as grids of (overlapping) patches, and back; shapes only, no parameters."""

import jax
import jax.numpy as jnp


def space_to_depth(x: jax.Array, block: int) -> jax.Array:
    """(B, H, W, C) -> (B, H/block, W/block, block*block*C), row-major inside a block."""
    b, h, w, c = x.shape
    x = x.reshape(b, h // block, block, w // block, block, c)
    return x.transpose(0, 1, 3, 2, 4, 5).reshape(b, h // block, w // block, block * block * c)


def depth_to_space(x: jax.Array, block: int) -> jax.Array:
    """Inverse of `space_to_depth`."""
    b, h, w, c = x.shape
    x = x.reshape(b, h, w, block, block, c // (block * block))
    return x.transpose(0, 1, 3, 2, 4, 5).reshape(b, h * block, w * block, -1)


def overlapping_patches(x: jax.Array, f: int) -> jax.Array:
    """Windows of 2f x 2f pixels centred on the f x f cells of the token grid.

    A lapped transform sees half a neighbouring cell on each side, which is what removes block
    edges. Borders are zero-padded: constant padding is the mode every export target supports.

    Args:
      x: (B, H, W, C) with H and W multiples of f, f even.

    Returns:
      (B, H/f, W/f, 4*f*f*C): four f x f quarter-windows (top-left, top-right, bottom-left,
      bottom-right), each in `space_to_depth` order.
    """
    half = f // 2
    padded = jnp.pad(x, ((0, 0), (half, half), (half, half), (0, 0)))
    cells = space_to_depth(padded, f)  # (B, H/f + 1, W/f + 1, f*f*C)
    corners = (cells[:, :-1, :-1], cells[:, :-1, 1:], cells[:, 1:, :-1], cells[:, 1:, 1:])
    return jnp.concatenate(corners, axis=-1)


def overlap_add(patches: jax.Array, f: int) -> jax.Array:
    """Adjoint of `overlapping_patches`: sums 2f x 2f windows into an image.

    Args:
      patches: (B, h, w, 4*f*f*C) in the order that `overlapping_patches` gives.

    Returns:
      (B, h*f, w*f, C).
    """
    top_left, top_right, bottom_left, bottom_right = jnp.split(patches, 4, axis=-1)

    def shifted(x, down, right):
        return jnp.pad(x, ((0, 0), (down, 1 - down), (right, 1 - right), (0, 0)))

    cells = (
        shifted(top_left, 0, 0)
        + shifted(top_right, 0, 1)
        + shifted(bottom_left, 1, 0)
        + shifted(bottom_right, 1, 1)
    )
    half = f // 2
    return depth_to_space(cells, f)[:, half:-half, half:-half]
