"""Codebook orders: a spatial order times an order of a token's M sub-quantizers.

Each function takes a spatial map int32[h, w] (values 0..S-1) and M, and returns int32[h, w, M].
Inside a token the stage never decreases with m, because a token's sub-quantizers are always coded
in ascending order. Groups are runs of consecutive sub-quantizers, as equal in size as they can
be: m belongs to group m * G // M. `coarse_first` and `coarse_then_fine` make groups of a fixed size
instead.
"""

import numpy as np

from pqmim_jax.masking.spatial import check_range


def joint(spatial: np.ndarray, m: int) -> np.ndarray:
    """All sub-quantizers of a token in the same stage: S stages."""
    return np.repeat(spatial[:, :, None], m, axis=2)


def codebook_major(spatial: np.ndarray, m: int, groups: int | None = None) -> np.ndarray:
    """Groups outermost, spatial stages inside: G * S stages; every prefix is a coarser picture.

    Args:
        spatial: int32[h, w], stages 0..S-1.
        m: number of sub-quantizers, >= 1.
        groups: G, 1..256, or None for one group a sub-quantizer; never more than m are made.

    Raises:
        ValueError: `groups` out of range.
    """
    group = _groups(m, groups)
    return group * (spatial.max() + np.int32(1)) + spatial[:, :, None]


def token_major(spatial: np.ndarray, m: int, groups: int | None = None) -> np.ndarray:
    """Spatial stages outermost, groups inside: S * G stages. Arguments as `codebook_major`."""
    group = _groups(m, groups)
    return spatial[:, :, None] * (group[-1] + np.int32(1)) + group


def coarse_first(spatial: np.ndarray, m: int, size: int = 4) -> np.ndarray:
    """The leading `size` sub-quantizers in spatial stages, every further run in one stage (ours).

    A prefix is a coarser picture, as with `codebook_major`, for hardly more stages than the
    spatial order has: once the coarse indices are known everywhere, a token's surroundings tell
    nearly as much as they would with spatial stages. The groups do not depend on how many
    sub-quantizers are coded, so neither does what the first stages hold.

    Args:
        spatial: int32[h, w], stages 0..S-1.
        m: number of sub-quantizers, >= 1.
        size: sub-quantizers a group, 1..256.

    Raises:
        ValueError: `size` out of range.
    """
    check_range("size", size)
    group = np.arange(m, dtype=np.int32) // np.int32(size)
    return np.where(group == 0, spatial[:, :, None], spatial.max() + group)


def coarse_then_fine(spatial: np.ndarray, m: int, size: int = 6) -> np.ndarray:
    """The leading `size` sub-quantizers in spatial stages, all others in the last of them (ours).

    A prefix is a coarser picture, since the last stage is coded one sub-quantizer after the other:
    what the coarse ones lack, then the fine ones of all tokens. The MIM runs S times, no more:
    fine indices are hardly told by the neighbours' fine indices, but by the token's own coarse
    ones, which the head sees.

    Args:
        spatial: int32[h, w], stages 0..S-1.
        m: number of sub-quantizers, >= 1.
        size: coarse sub-quantizers, 1..256.

    Raises:
        ValueError: `size` out of range.
    """
    check_range("size", size)
    coarse = np.arange(m) < size
    return np.where(coarse, spatial[:, :, None], spatial.max())


def _groups(m: int, groups: int | None) -> np.ndarray:
    """The group of each sub-quantizer: int32[m], ascending from 0, without gaps."""
    if groups is None:
        groups = m
    else:
        check_range("groups", groups)
    return np.arange(m, dtype=np.int32) * np.int32(min(groups, m)) // np.int32(m)
