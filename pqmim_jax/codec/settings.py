"""What can be asked of a compression, checked against what the model offers."""

import math
from dataclasses import dataclass

from pqmim_jax import masking

MAX_SHRINK = 64
MAX_REFINEMENT_STEPS = 100


@dataclass(frozen=True)
class ModelLimits:
    """What the model offers and prefers."""

    qualities: int  # M
    rate_weights: tuple[float, ...]  # lambda of each quality
    schedule: str  # canonical
    window: int  # tokens a side
    refinement_steps: int  # that its latents are refined by before codewords are chosen
    # Of the squared error in the codewords of each sub-quantizer, 1 for an orthogonal decoder.
    curvature: tuple[float, ...]


@dataclass(frozen=True)
class Settings:
    """A checked request; see `Codec.compress` for what the fields mean."""

    quality: int
    rate_weight: float
    schedule: str  # canonical
    stages: int | None  # None: all of them
    shrink: int
    refinement_steps: int
    curvature: tuple[float, ...]  # of each sub-quantizer

    @property
    def refines(self) -> bool:
        """Whether latents are refined: not where the nearest codewords are asked for."""
        return self.refinement_steps > 0 and self.rate_weight > 0


def check_settings(
    limits: ModelLimits,
    *,
    quality: int | None,
    rate_weight: float | None,
    schedule: str | None,
    stages: int | None,
    shrink: int,
    refinement_steps: int | None = None,
) -> Settings:
    """Fills in the model's defaults.

    Raises:
      ValueError: a value out of its range; the message names the range.
    """
    quality = limits.qualities if quality is None else quality
    quality = _check_integer("quality", quality, 1, limits.qualities)
    if rate_weight is None:
        rate_weight = limits.rate_weights[quality - 1]
    if not 0 <= rate_weight < math.inf:
        raise ValueError(f"rate weight (lambda) must be a number >= 0, got {rate_weight}")
    spec = masking.canonical(schedule or limits.schedule)
    if stages is not None:
        grid = (limits.window, limits.window, quality)
        count = masking.stage_count(spec, grid)
        stages = _check_integer("stages", stages, 1, count)
        stages = None if stages == count else stages
    _check_integer("shrink", shrink, 1, MAX_SHRINK)
    if refinement_steps is None:
        refinement_steps = limits.refinement_steps
    _check_integer("refinement steps", refinement_steps, 0, MAX_REFINEMENT_STEPS)
    if len(limits.curvature) != limits.qualities or not all(
        0 < value < math.inf for value in limits.curvature
    ):
        raise ValueError(
            f"the model's curvature must be a number > 0, or {limits.qualities} of them, got "
            f"{limits.curvature}"
        )
    return Settings(
        *(quality, float(rate_weight), spec, stages, shrink), refinement_steps, limits.curvature
    )


def _check_integer(name: str, value: int, low: int, high: int) -> int:
    if not low <= value <= high or int(value) != value:
        raise ValueError(f"{name} must be in {low}..{high}, got {value}")
    return int(value)
