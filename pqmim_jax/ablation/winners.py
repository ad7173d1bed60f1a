"""What wins: the cheapest schedule of each number of stages, and the cheapest training."""

from collections.abc import Sequence

from pqmim_jax.ablation.groups import Group
from pqmim_jax.ablation.statistics import Estimate, paired


def schedules_that_win(groups: Sequence[Group], base: Group, options: dict) -> list[dict]:
    """A row for each number of stages, ascending: its cheapest schedule and what that gains.

    Args:
      groups: those with the training and window of `base` are compared.
      base: the reference.
      options: of `statistics.estimate`.

    Returns:
      rows of stages, schedule, bits_per_index; next_best, the second of that S, and ahead, how
      many percent of the reference's bits the winner is below it; fewer_stages, the winner of the
      row before, and gained, the same in comparison with it. Where there is none: "" and no
      interval. Intervals are those of paired differences, `_low` and `_high`.
    """
    alike = [g for g in groups if g.training == base.training and g.cell.window == base.cell.window]
    by_stages: dict[int, list[Group]] = {}
    for group in alike:
        by_stages.setdefault(group.cell.stages, []).append(group)
    rows, before = [], None
    for stages in sorted(by_stages):
        best, *others = sorted(by_stages[stages], key=_bits)
        rows.append(
            {"stages": stages, "schedule": best.cell.schedule, "bits_per_index": _bits(best)}
            | {"schedules": len(by_stages[stages])}
            | _below("next_best", "ahead", best, others[0] if others else None, base, options)
            | _below("fewer_stages", "gained", best, before, base, options)
        )
        before = best
    return rows


def trainings_that_win(groups: Sequence[Group], base: Group, options: dict) -> list[dict]:
    """A row for each training, coded with the reference schedule and window; the cheapest first.

    Arguments as `schedules_that_win`; rows of training (text, see `Group`), bits_per_index,
    against, and gained with its interval: percent below the reference's training.
    """
    place = base.cell.schedule, base.cell.window
    alike = [group for group in groups if (group.cell.schedule, group.cell.window) == place]
    return [
        {"training": group.training, "bits_per_index": _bits(group)}
        | _below("against", "gained", group, base if group is not base else None, base, options)
        for group in sorted(alike, key=_bits)
    ]


def _bits(group: Group) -> float:
    return float(group.bits_per_index.mean())


def _below(name: str, value: str, group: Group, other: Group | None, base: Group, options) -> dict:
    """How far `group` is below `other`, in percent of the reference's bits, with its interval."""
    if other is None:
        return {name: "", value: None, f"{value}_low": None, f"{value}_high": None}
    shared = [seed for seed in group.seeds if seed in other.seeds]
    if not shared:
        return _below(name, value, group, None, base, options)
    found: Estimate = paired(other.of_seeds(shared), group.of_seeds(shared), **options)
    scale = 100 / _bits(base)
    names = {value: found.mean, f"{value}_low": found.low, f"{value}_high": found.high}
    return {name: other.cell.schedule, **{key: each * scale for key, each in names.items()}}
