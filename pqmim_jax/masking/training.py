"""Random masks to train a MIM with: which indices are visible, and which are to be predicted.

Pure JAX functions of a key. The distribution over masks is ours; that it covers any subset a
schedule can produce is what matters.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from pqmim_jax.masking.mask_specs import parse_mask


class TrainingMask(NamedTuple):
    """Both bool, (B, h, w, M), never true at the same place."""

    visible: jax.Array  # shown to the model
    target: jax.Array  # predicted; neither = dropped by nested quality

    @property
    def quality(self) -> jax.Array:
        """(B,) int32: how many sub-quantizers exist."""
        return jnp.any(self.visible | self.target, axis=(1, 2)).sum(-1)


def sample_mask(
    key: jax.Array,
    batch: int,
    stage_map: jax.Array,
    *,
    mask: str,
    schedule_share: float,
    leading_share: float,
    full_quality_share: float,
) -> TrainingMask:
    """One mask per example.

    Args:
      batch: number of examples B.
      stage_map: (h, w, M) int32, stages of the schedule that the codec will use; negative where
        a position is never known (outside the picture).
      mask: distribution of the masks, a spec of `mask_specs`.
      schedule_share: probability that an example is masked as a uniformly drawn stage of that
        schedule instead.
      leading_share: probability that an example also sees a random number of leading
        sub-quantizers at every position.
      full_quality_share: probability that all M sub-quantizers exist; else 1..M do.

    Raises:
      ValueError: `mask` is not a spec.
    """
    keys = jax.random.split(key, 5)
    by_schedule = schedule_stage_visible(keys[0], batch, stage_map)
    by_chance = parse_mask(mask).known(keys[1], batch, stage_map)
    pick = jax.random.bernoulli(keys[2], schedule_share, (batch, 1, 1, 1))
    visible = jnp.where(pick, by_schedule, by_chance)
    m = jnp.arange(stage_map.shape[-1])
    visible |= m < _count_or(keys[3], batch, m.size, leading_share, 0)
    quality = _count_or(keys[4], batch, m.size, 1 - full_quality_share, m.size)
    exists = (m < quality) & (stage_map >= 0)
    visible &= exists
    return TrainingMask(visible, exists & ~visible)


def schedule_stage_visible(key: jax.Array, batch: int, stage_map: jax.Array) -> jax.Array:
    """What is known before a uniformly drawn stage of `stage_map`; (B, h, w, M) bool."""
    stages = jnp.max(stage_map) + 1
    stage = jax.random.randint(key, (batch, 1, 1, 1), 0, stages)
    return stage_map < stage


def _count_or(key, batch: int, m: int, probability: float, otherwise: int) -> jax.Array:
    """Uniform 1..m with `probability`, else `otherwise`; (B, 1, 1, 1) int32."""
    pick, draw = jax.random.split(key)
    count = jax.random.randint(draw, (batch, 1, 1, 1), 1, m + 1)
    return jnp.where(jax.random.bernoulli(pick, probability, count.shape), count, otherwise)
