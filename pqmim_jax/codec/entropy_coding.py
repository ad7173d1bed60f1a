"""Stage by stage through the code grid: the loop that encoder and decoder share.

Both run exactly this code on exactly these shapes; only where a symbol comes from differs. That
is what makes their probabilities equal to the last bit (XLA does not promise equal results for
equal rows of differently shaped batches).
"""

from collections.abc import Callable

import numpy as np

from pqmim_jax.codec.programs import TOKENS_PER_BLOCK, Programs
from pqmim_jax.codec.windows import WindowGrid
from pqmim_jax.coding import RansDecoder, RansEncoder
from pqmim_jax.masking import UNKNOWN, stage_map

# (cumulative tables (n, K+1) uint32, token rows, token columns, m) -> symbols (n,)
SymbolSource = Callable[[np.ndarray, np.ndarray, np.ndarray, int], np.ndarray]


def encode_indices(
    programs: Programs,
    grid: WindowGrid,
    choose: SymbolSource,
    num_codebooks: int,
    quality: int,
    schedule: str,
) -> tuple[RansEncoder, np.ndarray, np.ndarray]:
    """Codes what `choose` picks, given what each codeword costs.

    Returns:
      the filled coder, the indices picked (h, w, M) int32 (-1 from `quality` on), and the bits of
      each stage.
    """
    coder = RansEncoder()

    def push_choice(tables, rows, columns, m):
        symbols = choose(tables, rows, columns, m)
        each = np.arange(len(symbols))
        starts = tables[each, symbols]
        coder.push(starts, tables[each, symbols + 1] - starts)
        return symbols

    indices, bits = _run_stages(programs, grid, num_codebooks, quality, schedule, push_choice)
    return coder, indices, bits


def decode_indices(
    programs: Programs,
    grid: WindowGrid,
    decoder: RansDecoder,
    num_codebooks: int,
    quality: int,
    schedule: str,
) -> tuple[np.ndarray, np.ndarray]:
    """Inverse: indices (h, w, M) int32, -1 from `quality` on, and the bits of each stage."""

    def read_symbols(tables, rows, columns, m):
        del rows, columns, m
        return decoder.pop(tables)

    return _run_stages(programs, grid, num_codebooks, quality, schedule, read_symbols)


def _run_stages(
    programs: Programs,
    grid: WindowGrid,
    num_codebooks: int,
    quality: int,
    schedule: str,
    source: SymbolSource,
) -> tuple[np.ndarray, np.ndarray]:
    stages = _stages_in_coding_order(grid, quality, schedule)
    known = grid.padded_unknown(num_codebooks, UNKNOWN)
    rows, columns = grid.positions.T + grid.halo
    bits = np.zeros(stages.max() + 1)
    for stage in range(len(bits)):
        contexts = _contexts(programs, grid, known)
        for m in range(quality):
            chunk = np.flatnonzero(stages[:, m] == stage)
            if chunk.size == 0:
                continue
            y, x = rows[chunk], columns[chunk]
            tables = _tables(programs, contexts[chunk], known[y, x], m)
            symbols = source(tables, y - grid.halo, x - grid.halo, m)
            known[y, x, m] = symbols
            bits[stage] += code_length(tables, symbols)
    h, w = grid.tokens
    return known[grid.halo : grid.halo + h, grid.halo : grid.halo + w], bits


def code_length(tables: np.ndarray, symbols: np.ndarray) -> float:
    """Ideal bits of symbols (n,) under cumulative tables (n, K+1)."""
    each = np.arange(len(symbols))
    frequencies = tables[each, symbols + 1] - tables[each, symbols]
    return float(np.sum(16 - np.log2(frequencies.astype(np.float64))))


def _stages_in_coding_order(grid: WindowGrid, quality: int, schedule: str) -> np.ndarray:
    """(h*w, quality) int32: the schedule of one window, repeated, at `grid.positions`."""
    window = stage_map(schedule, (grid.window, grid.window, quality))
    y, x = grid.positions.T % grid.window
    return window[y, x]


def _contexts(programs: Programs, grid: WindowGrid, known: np.ndarray) -> np.ndarray:
    """(h*w, width) context vectors at `grid.positions`, given what is known now."""

    def of_window(origin: tuple[int, int]) -> np.ndarray:
        y, x = grid.window_positions(origin).T
        context = nothing_known if first_stage else programs.context(grid.known_of(known, origin))
        return context[y - origin[0], x - origin[1]]

    # Before the first stage all windows look alike: one run serves them all.
    first_stage = (known == UNKNOWN).all()
    nothing_known = programs.context(grid.known_of(known, (0, 0))) if first_stage else None
    return np.concatenate(programs.map(of_window, grid.origins))


def _tables(programs: Programs, contexts: np.ndarray, known: np.ndarray, m: int) -> np.ndarray:
    """(n, K+1) uint32 cumulative tables of sub-quantizer m, in blocks of a fixed size."""
    n = len(contexts)
    padding = ((0, -n % TOKENS_PER_BLOCK), (0, 0))
    contexts, known = np.pad(contexts, padding), np.pad(known, padding)

    def of_block(start: int) -> np.ndarray:
        block = slice(start, start + TOKENS_PER_BLOCK)
        return programs.head(contexts[block], known[block], np.int32(m))

    return np.concatenate(programs.map(of_block, range(0, n, TOKENS_PER_BLOCK)))[:n]
