"""Schedules by name: a short text names the stages in which a code grid (h, w, M) is coded.

    spec    = spatial [ "*" codebook ] | codebook       (a codebook order alone: one_shot first)
    spatial = one_shot | raster | checkerboard(phase=0) | quincunx(levels=3,phase=0)
            | qlds(stages=8,alpha=2.2,phase=0) | random(stages=8,seed=0,alpha=1.0)
    codebook = joint | codebook_major(groups=M) | token_major(groups=M) | coarse_first(size=4)
            | coarse_then_fine(size=6)

What stands in brackets is the default and may be left out, wholly or in part. `groups=M`, with
the letter, means one group for each sub-quantizer of the grid. Spaces around words are allowed.
A spec may come from a file somebody else wrote: its length, its numbers and the grid are bounded.
"""

import operator
import re
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache

import numpy as np

from pqmim_jax.masking import codebook, spatial
from pqmim_jax.masking.terms import parse_term, split_terms, unknown

SPATIAL_ORDERS = {
    "one_shot": spatial.one_shot,
    "raster": spatial.raster,
    "checkerboard": spatial.checkerboard,
    "quincunx": spatial.quincunx,
    "qlds": spatial.qlds,
    "random": spatial.random,
}
CODEBOOK_ORDERS = {
    "joint": codebook.joint,
    "codebook_major": codebook.codebook_major,
    "token_major": codebook.token_major,
    "coarse_first": codebook.coarse_first,
    "coarse_then_fine": codebook.coarse_then_fine,
}
MAX_INDICES = 2**24  # largest h * w * M, so that a forged grid cannot fill the memory

_DEFAULTS = {
    "one_shot": {},
    "raster": {},
    "checkerboard": {"phase": "0"},
    "quincunx": {"levels": "3", "phase": "0"},
    "qlds": {"stages": "8", "alpha": "2.2", "phase": "0"},
    "random": {"stages": "8", "seed": "0", "alpha": "1.0"},
    "joint": {},
    "codebook_major": {"groups": "M"},
    "token_major": {"groups": "M"},
    "coarse_first": {"size": "4"},
    "coarse_then_fine": {"size": "6"},
}
# Not spelled out where they have this value: they came later than files that must stay readable.
_SILENT = (("phase", 0),)
_INTEGER = re.compile(r"[0-9]{1,10}")
_DECIMAL = re.compile(r"[0-9]{1,2}(\.[0-9]{1,4})?")


@dataclass(frozen=True)
class _Order:
    name: str
    arguments: tuple[tuple[str, int | Decimal | None], ...]

    def __str__(self) -> str:
        spoken = (each for each in self.arguments if each not in _SILENT)
        inside = ",".join(f"{key}={_format_value(value)}" for key, value in spoken)
        return f"{self.name}({inside})" if inside else self.name


def stage_map(spec: str, grid: tuple[int, int, int]) -> np.ndarray:
    """The stage in which each index of a code grid is coded.

    Args:
        spec: a schedule, see the module's docstring for the grammar.
        grid: (h, w, M): rows, columns, sub-quantizers; each >= 1, at most 2**24 in all.

    Returns:
        int32[h, w, M], read-only (and cached): the values 0..S-1, every stage non-empty, stage 0
        coded first, never decreasing along the last axis. The same on every platform.

    Raises:
        ValueError: a spec or a grid that is not as above.
    """
    return _build(*_parse(spec), _checked_grid(grid))


def canonical(spec: str) -> str:
    """The one spelling of a schedule: defaults filled in, no spaces, ASCII, under 120 characters.

    Equal schedules spelled differently come out equal: "qlds" as "qlds(stages=8,alpha=2.2)". It
    is its own canonical form.

    Raises:
        ValueError: not a spec; the message lists what is allowed.
    """
    spatial_order, codebook_order = _parse(spec)
    if codebook_order.name == "joint":
        return str(spatial_order)
    return f"{spatial_order}*{codebook_order}"


def stage_count(spec: str, grid: tuple[int, int, int]) -> int:
    """Number of stages S of a schedule on a grid. Arguments and errors as `stage_map`."""
    return int(stage_map(spec, grid).max()) + 1


def spatial_keys(name: str) -> tuple[str, ...]:
    """What may stand in the brackets of a spatial order, such as ("stages", "alpha", "phase").

    Raises:
      ValueError: there is no such order.
    """
    if name not in SPATIAL_ORDERS:
        raise ValueError(unknown("spatial order", name, SPATIAL_ORDERS))
    return tuple(_DEFAULTS[name])


def stage_sizes(stage_map: np.ndarray) -> np.ndarray:
    """Number of indices in each stage: int64[S], for a stage map of any shape."""
    return np.bincount(stage_map.ravel()).astype(np.int64)


@lru_cache(maxsize=8)
def _build(spatial_order: _Order, codebook_order: _Order, grid: tuple[int, int, int]) -> np.ndarray:
    h, w, m = grid
    positions = SPATIAL_ORDERS[spatial_order.name](h, w, **dict(spatial_order.arguments))
    product = CODEBOOK_ORDERS[codebook_order.name]
    stages = product(positions, m, **dict(codebook_order.arguments))
    stages.setflags(write=False)
    return stages


def _checked_grid(grid: tuple[int, int, int]) -> tuple[int, int, int]:
    try:
        h, w, m = (operator.index(size) for size in grid)
    except (TypeError, ValueError):
        raise ValueError(f"a grid is three integers (h, w, M), not {grid!r}") from None
    if min(h, w, m) < 1 or h * w * m > MAX_INDICES:
        raise ValueError(
            f"a grid (h, w, M) has sizes >= 1 and at most {MAX_INDICES} indices, not {(h, w, m)}"
        )
    return h, w, m


def _parse(spec: str) -> tuple[_Order, _Order]:
    """Reads a spec into its spatial and its codebook order, defaults filled in."""
    terms = split_terms(spec, "schedule")
    if len(terms) == 1:
        order = _parse_order(terms[0], "schedule", _DEFAULTS)
        if order.name in SPATIAL_ORDERS:
            return order, _Order("joint", ())
        return _Order("one_shot", ()), order
    if len(terms) > 2:
        raise ValueError(f"a schedule is SPATIAL or SPATIAL*CODEBOOK, with one '*', not {spec!r}")
    return (
        _parse_order(terms[0], "spatial order", SPATIAL_ORDERS),
        _parse_order(terms[1], "codebook order", CODEBOOK_ORDERS),
    )


def _parse_order(text: str, what: str, choices: dict) -> _Order:
    name, values = parse_term(text, what, {each: _DEFAULTS[each] for each in choices})
    return _Order(name, tuple((key, _parse_value(key, value)) for key, value in values.items()))


def _parse_value(key: str, text: str) -> int | Decimal | None:
    if key == "groups" and text == "M":
        return None
    low, high = spatial.LIMITS[key]
    pattern, kind = (_DECIMAL, Decimal) if key == "alpha" else (_INTEGER, int)
    if not pattern.fullmatch(text) or not low <= kind(text) <= high:
        allowed = f"{'a number' if key == 'alpha' else 'an integer'} from {low} to {high}"
        extra = {"alpha": " with at most 4 decimals", "groups": ", or M"}.get(key, "")
        raise ValueError(f"{key} must be {allowed}{extra}, not {text!r}")
    return kind(text)


def _format_value(value: int | Decimal | None) -> str:
    if value is None:
        return "M"
    if isinstance(value, Decimal):
        whole, _, fraction = str(value).partition(".")
        return f"{int(whole)}.{fraction.rstrip('0') or '0'}"
    return str(value)
