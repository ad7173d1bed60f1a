"""Variants of a config: the axes of a sweep, and one batch size for each size of a slice."""

import itertools
from collections.abc import Sequence

from pqmim_jax.scale_plan.errors import PlanError
from pqmim_jax.training.sharding import AXES

Choice = tuple[str, tuple[str, ...]]  # how it is shown, and the config overrides that it stands for


def parse_sweep(text: str, stage: str) -> list[Choice]:
    """The choices of one `--sweep` argument.

    Args:
      text: "batch=256,512", "mesh=data:-1|data:-1,fsdp:4" (axes left out are 1), or
        "KEY=VALUE,VALUE" for any key of the config.

    Raises:
      PlanError: malformed.
    """
    name, sep, values = text.partition("=")
    choices = values.split("|" if name == "mesh" else ",")
    if not name or not sep or not all(choices):
        raise PlanError(f"--sweep {text}: expected NAME=VALUE,VALUE or mesh=AXES|AXES")
    if name == "mesh":
        return [(f"mesh {value}", _mesh_overrides(value)) for value in choices]
    key = f"{stage}_training.batch_size" if name == "batch" else name
    return [(f"{name} {value}", (f"{key}={value}",)) for value in choices]


def product(sweeps: Sequence[list[Choice]]) -> list[Choice]:
    """Every combination of one choice from each sweep, the last one varying fastest."""
    return [
        (
            ", ".join(name for name, _ in combination),
            tuple(itertools.chain.from_iterable(overrides for _, overrides in combination)),
        )
        for combination in itertools.product(*sweeps)
    ]


def _mesh_overrides(text: str) -> tuple[str, ...]:
    sizes = dict.fromkeys(AXES, "1")
    for part in text.split(","):
        axis, _, size = part.partition(":")
        if axis not in AXES or not size.removeprefix("-").isdigit():
            raise PlanError(f"--sweep mesh: {part!r} is not AXIS:SIZE; axes: {', '.join(AXES)}")
        sizes[axis] = size
    return tuple(f"mesh.{axis}={size}" for axis, size in sizes.items())
