"""What a claim is judged by, and the judgement: never more than the interval allows."""

from collections.abc import Sequence
from dataclasses import dataclass

from claims.curves import Interval

HOLDS, FAILS, UNKNOWN = "holds", "does not hold", "not shown at this budget"


@dataclass(frozen=True)
class Finding:
    """One measure of a claim, once for each seed."""

    claim: str  # letter
    measure: str  # what is measured, in words
    unit: str
    limit: float  # the claim is true beyond this value
    lower_is_better: bool
    by_seed: Sequence[Interval | None]  # None: not defined, curves without overlap
    note: str = ""

    @property
    def verdict(self) -> str:
        """Holds (or not) where every seed's whole interval is on one side of the limit."""
        sides = {self._side(each) for each in self.by_seed}
        return sides.pop() if len(sides) == 1 else UNKNOWN

    def _side(self, found: Interval | None) -> str:
        if found is None:
            return UNKNOWN
        sign = -1 if self.lower_is_better else 1
        low, high = sorted(sign * (bound - self.limit) for bound in (found.low, found.high))
        if low > 0:
            return HOLDS
        return FAILS if high < 0 else UNKNOWN


def to_markdown(findings: Sequence[Finding], seeds: Sequence[int]) -> str:
    """The table of verdicts."""
    lines = ["| claim | measured | " + " | ".join(f"seed {s}" for s in seeds) + " | verdict |"]
    lines.append("| --- " * (3 + len(seeds)) + "|")
    for found in findings:
        cells = [_cell(each, found.unit) for each in found.by_seed]
        note = f" ({found.note})" if found.note else ""
        measure = (
            f"{found.measure}; true if {'<' if found.lower_is_better else '>'} {found.limit:g}"
        )
        row = [f"({found.claim})", measure, *cells, f"**{found.verdict}**{note}"]
        lines.append("| " + " | ".join(row) + " |")
    return "\n".join(lines)


def _cell(found: Interval | None, unit: str) -> str:
    if found is None:
        return "no overlap"
    return f"{found.value:.3g}{unit} [{found.low:.3g}, {found.high:.3g}]"
