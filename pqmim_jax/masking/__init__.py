"""Masking: which code indices are known when, as pure functions of shapes and parameters."""

from pqmim_jax.masking.schedules import (
    CODEBOOK_ORDERS,
    SPATIAL_ORDERS,
    canonical,
    spatial_keys,
    stage_count,
    stage_map,
    stage_sizes,
)

UNKNOWN = -1
"""What an index grid holds where an index is masked: not yet coded, or not sent."""

__all__ = [
    "CODEBOOK_ORDERS",
    "SPATIAL_ORDERS",
    "UNKNOWN",
    "canonical",
    "spatial_keys",
    "stage_count",
    "stage_map",
    "stage_sizes",
]
