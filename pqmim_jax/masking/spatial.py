"""Spatial orders: in which stage each position of an (h, w) token grid is coded.

Each function returns int32[h, w] with the values 0..S-1, every stage non-empty, stage 0 coded
first. Encoder and decoder, perhaps on different machines, must compute the same map, so all
arithmetic is on integers or in correctly rounded decimals: no libm, no generator of a library.
Arguments outside their range raise ValueError; `LIMITS` has the ranges.
"""

from decimal import ROUND_HALF_EVEN, Context, Decimal
from functools import lru_cache

import numpy as np

# Inclusive ranges. A spec may come from a file that somebody else wrote, so all are bounded.
LIMITS = {
    "stages": (1, 4096),
    "levels": (1, 12),
    "phase": (0, 4095),
    "seed": (0, 2**32 - 1),
    "alpha": (Decimal("0.1"), Decimal(10)),
    "groups": (1, 256),
    "size": (1, 256),
}

# floor(2**64 / phi2) and floor(2**64 / phi2**2), phi2 = 1.32471795724474602596 the real root of
# x**3 = x + 1 (Roberts 2018, "The unreasonable effectiveness of quasirandom sequences").
_R2_STEPS = (np.uint64(0xC13FA9A902A6328F), np.uint64(0x91E10DA5C79E7B1C))

_GOLDEN_GAMMA = 0x9E3779B97F4A7C15
_MASK64 = 2**64 - 1

# Python's decimal rounds division, exp and ln correctly, so that every platform agrees. The slack
# sends exact ties upwards: 30 digits leave them off by less than 1e-20 (10 * ln 4096 * 2**24
# positions, relative error 1e-30).
_DECIMAL = Context(prec=30, rounding=ROUND_HALF_EVEN)
_HALF_WITH_SLACK = Decimal("0.500000000000000001")


def check_range(name: str, value: int | Decimal) -> None:
    """Raises ValueError unless `value` lies within `LIMITS[name]`, ends included."""
    low, high = LIMITS[name]
    if not low <= value <= high:
        raise ValueError(f"{name} must be between {low} and {high}, not {value}")


def one_shot(h: int, w: int) -> np.ndarray:
    """All positions at once (S = 1): nothing is coded with context."""
    _check_shape(h, w)
    return np.zeros((h, w), np.int32)


def raster(h: int, w: int) -> np.ndarray:
    """One position a stage, row by row (S = h * w): the autoregressive limit."""
    _check_shape(h, w)
    return np.arange(h * w, dtype=np.int32).reshape(h, w)


def checkerboard(h: int, w: int, phase: int = 0) -> np.ndarray:
    """Positions with an even row + column, then the others (S = 2; 1 on a 1 x 1 grid).

    With an odd `phase`, 0..4095, those with an odd row + column come first.
    """
    _check_shape(h, w)
    check_range("phase", phase)
    rows, columns = np.indices((h, w), dtype=np.int32, sparse=True)
    return _close_gaps((rows + columns + phase) % 2)


def quincunx(h: int, w: int, levels: int, phase: int = 0) -> np.ndarray:
    """The lattice of step 2**levels, its centres, the rest of the next lattice, and so on.

    Stage 0 holds the positions whose row and column are multiples of 2**levels. For each level
    one stage adds the centres of the lattice's squares, and the next completes the lattice of
    half the step, so that each stage about doubles what is known: S = 2 * levels + 1, fewer where
    the grid is too small for a stage to have a position. The lattices start at (phase, phase):
    ours.

    Args:
        h: rows of the grid, >= 1.
        w: columns of the grid, >= 1.
        levels: number of halvings of the lattice's step, 1..12.
        phase: row and column of a point of the coarsest lattice, 0..4095; its step is its period.
    """
    _check_shape(h, w)
    check_range("levels", levels)
    check_range("phase", phase)
    rows, columns = (axis - phase for axis in np.indices((h, w), dtype=np.int32, sparse=True))
    stages = np.zeros((h, w), np.int32)
    # From fine to coarse: what a coarser lattice holds is coded before anything finer.
    for level in range(1, levels + 1):
        half = 2 ** (level - 1)
        odd_row, odd_column = rows // half % 2 == 1, columns // half % 2 == 1
        on_lattice = (rows % half == 0) & (columns % half == 0)
        after = 2 * (levels - level)
        stages[on_lattice & (odd_row & odd_column)] = after + 1
        stages[on_lattice & (odd_row ^ odd_column)] = after + 2
    return _close_gaps(stages)


def qlds(h: int, w: int, stages: int, alpha: float | Decimal = 2.2, phase: int = 0) -> np.ndarray:
    """Quantized low-discrepancy sequence with power-law group sizes (Mentzer et al. 2023, M2T).

    Positions come in the order in which the R2 sequence, point n = 1, 2, ... at
    (n / phi2 mod 1, n / phi2**2 mod 1), first falls into their cell of the grid. After stage
    s = 1..S, round(h * w * (s / S)**alpha) positions are known, ties upwards, and every stage has
    at least one. The first coordinate runs down the rows, and n starts at 1 + phase: ours.

    Args:
        h: rows of the grid, >= 1.
        w: columns of the grid, >= 1.
        stages: S, 1..4096; h * w where the grid has fewer positions than that.
        alpha: exponent, 0.1..10; M2T found 2.2, with 8 to 12 stages, to be best.
        phase: points of the sequence that are left out before the first, 0..4095.
    """
    _check_shape(h, w)
    check_range("phase", phase)
    return _split(_r2_order(h, w, phase), h, w, stages, alpha)


def random(h: int, w: int, stages: int, seed: int = 0, alpha: float | Decimal = 1.0) -> np.ndarray:
    """A seeded random order, cut into groups as `qlds` cuts its own.

    The order sorts the positions, numbered row by row, by the output of SplitMix64 (Steele et al.
    2014) for that number and the seed: an integer hash without collisions, the same in any
    version of NumPy.

    Args:
        h: rows of the grid, >= 1.
        w: columns of the grid, >= 1.
        stages: S, 1..4096; h * w where the grid has fewer positions than that.
        seed: 0..2**32 - 1.
        alpha: exponent of the cumulative sizes, 0.1..10; 1.0 makes stages of equal size.
    """
    _check_shape(h, w)
    check_range("seed", seed)
    # The hashed seed starts the stream: raw seeds would give shifted copies of one stream.
    start = int(_split_mix(np.array([seed * _GOLDEN_GAMMA & _MASK64], np.uint64))[0])
    counters = np.arange(1, h * w + 1, dtype=np.uint64) * np.uint64(_GOLDEN_GAMMA)
    order = np.argsort(_split_mix(counters + np.uint64(start)))
    return _split(order, h, w, stages, alpha)


def _check_shape(h: int, w: int) -> None:
    if h < 1 or w < 1:
        raise ValueError(f"a grid needs at least 1 x 1 positions, not {h} x {w}")


def _close_gaps(stages: np.ndarray) -> np.ndarray:
    """Renumbers the stages of an int array as int32 0..S-1, in the same order."""
    return np.unique(stages, return_inverse=True)[1].reshape(stages.shape).astype(np.int32)


def _split_mix(state: np.ndarray) -> np.ndarray:
    """SplitMix64's output function, a bijection on uint64 (any shape)."""
    state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return state ^ (state >> np.uint64(31))


def _r2_order(h: int, w: int, phase: int = 0) -> np.ndarray:
    """Row-major positions int64[h * w] in the order in which the R2 sequence first meets them."""
    count = h * w
    chunk = min(max(1024, 2 * count), 2**20)
    seen = np.zeros(count, bool)
    found: list[np.ndarray] = []
    first, missing = 1 + phase, count
    while missing:
        n = np.arange(first, first + chunk, dtype=np.uint64)
        # uint64 products wrap around: exactly the fractional part, in units of 2**-64. Scaling
        # its upper 32 bits to the grid cannot overflow.
        row, column = (
            ((n * step) >> np.uint64(32)) * np.uint64(size) >> np.uint64(32)
            for step, size in zip(_R2_STEPS, (h, w), strict=True)
        )
        cells = (row * np.uint64(w) + column).astype(np.int64)
        cells = cells[~seen[cells]]
        cells = cells[np.sort(np.unique(cells, return_index=True)[1])]
        seen[cells] = True
        found.append(cells)
        first, missing = first + chunk, missing - len(cells)
    return np.concatenate(found)


def _split(order: np.ndarray, h: int, w: int, stages: int, alpha: float | Decimal) -> np.ndarray:
    """Cuts an order of the positions, int64[h * w], into power-law stages: int32[h, w]."""
    known = _cumulative_sizes(h * w, stages, str(alpha))
    stage_map = np.empty(h * w, np.int32)
    stage_map[order] = np.repeat(np.arange(len(known), dtype=np.int32), np.diff(known, prepend=0))
    return stage_map.reshape(h, w)


@lru_cache(maxsize=16)
def _cumulative_sizes(count: int, stages: int, alpha: str) -> tuple[int, ...]:
    """Positions known after each stage: round(count * (s / S)**alpha), at least one a stage."""
    check_range("stages", stages)
    exponent = Decimal(alpha)
    if exponent.is_nan():
        raise ValueError("alpha must be a number, not nan")
    check_range("alpha", exponent)
    stages = min(stages, count)
    known = [0]
    for stage in range(1, stages + 1):
        log_share = _DECIMAL.ln(_DECIMAL.divide(Decimal(stage), Decimal(stages)))
        share = _DECIMAL.exp(_DECIMAL.multiply(exponent, log_share))
        wanted = int(_DECIMAL.fma(share, Decimal(count), _HALF_WITH_SLACK))
        # Leave one position for each later stage, and take one for this stage.
        known.append(max(known[-1] + 1, min(wanted, count - (stages - stage))))
    return tuple(known[1:])
