"""Mask supports: which indices are known together, given the share that is to be known.

Each function takes a key, the known share float32 (B, 1, 1, 1) and the stages (h, w, M) of the
schedule that is trained for, and returns bool (B, h, w, M): true where an index is known. On
average the share of indices known is the one asked for; `stages` alone keeps below it.
"""

import jax
import jax.numpy as jnp


def tokens(key: jax.Array, share: jax.Array, stage_map: jax.Array) -> jax.Array:
    """Whole tokens, each by itself (the paper's case)."""
    h, w, m = stage_map.shape
    known = jax.random.uniform(key, (len(share), h, w, 1)) < share
    return jnp.broadcast_to(known, (len(share), h, w, m))


def indices(key: jax.Array, share: jax.Array, stage_map: jax.Array) -> jax.Array:
    """Single sub-quantizers, each by itself."""
    return jax.random.uniform(key, (len(share), *stage_map.shape)) < share


def blocks(key: jax.Array, share: jax.Array, stage_map: jax.Array, size: int) -> jax.Array:
    """Squares of size x size whole tokens; their lattice is shifted at random."""
    h, w, m = stage_map.shape
    shift_key, block_key = jax.random.split(key)
    shifts = jax.random.randint(shift_key, (len(share), 2), 0, size)
    rows = (jnp.arange(h) + shifts[:, :1]) // size
    columns = (jnp.arange(w) + shifts[:, 1:]) // size
    count = (-(-h // size) + 1, -(-w // size) + 1)
    known = jax.random.uniform(block_key, (len(share), *count)) < share[..., 0]
    example = jnp.arange(len(share))[:, None, None]
    spread = known[example, rows[:, :, None], columns[:, None, :]]
    return jnp.broadcast_to(spread[..., None], (len(share), h, w, m))


def half_planes(key: jax.Array, share: jax.Array, stage_map: jax.Array) -> jax.Array:
    """All whole tokens on one side of a line of random direction."""
    h, w, m = stage_map.shape
    angle = jax.random.uniform(key, (len(share), 1, 1), maxval=2 * jnp.pi)
    rows, columns = jnp.arange(h)[:, None], jnp.arange(w)
    along = (jnp.cos(angle) * rows + jnp.sin(angle) * columns).reshape(len(share), h * w)
    rank = jnp.argsort(jnp.argsort(along, axis=-1), axis=-1).reshape(len(share), h, w, 1)
    known = rank < jnp.round(share * h * w)
    return jnp.broadcast_to(known, (len(share), h, w, m))


def stages(key: jax.Array, share: jax.Array, stage_map: jax.Array) -> jax.Array:
    """What the schedule knows before the last of its stages for which that is at most the share.

    Positions outside the picture (negative stages) do not count.
    """
    del key
    inside = stage_map >= 0
    # Each index may be known once all of its stage fits into the share.
    order = jnp.where(inside, stage_map, jnp.iinfo(jnp.int32).max).ravel()
    through = jnp.searchsorted(jnp.sort(order), order, side="right").reshape(stage_map.shape)
    fits = through <= share * inside.sum()
    # Never all of it: the last stage is there to be predicted.
    return inside & fits & (stage_map < jnp.max(stage_map))
