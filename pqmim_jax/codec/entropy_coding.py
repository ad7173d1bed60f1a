"""Stage by stage through the code grid: the loop that encoder and decoder share.

Both run exactly this code on exactly these shapes; only where a symbol comes from differs. That
is what makes their probabilities equal to the last bit (XLA does not promise equal results for
equal rows of differently shaped batches).
"""

from collections.abc import Callable, Iterable

import numpy as np

from pqmim_jax.codec.order import Chunk, CodingOrder
from pqmim_jax.codec.program_set import TOKENS_PER_BLOCK, ProgramSet

_FEWEST_TOKENS, _MOST_TOKENS = 64, 1024  # of a call of a head that takes any number

# (cumulative tables (n, K+1) uint32, their chunk) -> symbols (n,)
SymbolSource = Callable[[np.ndarray, Chunk], np.ndarray]


def run_stages(
    programs: ProgramSet,
    order: CodingOrder,
    known: np.ndarray,
    stages: Iterable[int],
    source: SymbolSource,
) -> None:
    """Asks `source` for the symbols of some stages, chunk after chunk.

    Args:
      known: what `order.grid.padded_unknown` made; all stages before are in it. The symbols are
        written there.
      stages: to ask for, in order.
    """
    grid = order.grid
    for stage in stages:
        # Contexts see whole stages only, so that they do not depend on the order of blocks.
        before = known.copy()
        for origins in order.blocks():
            chunks = order.chunks(stage, origins)
            if not chunks:
                continue
            contexts = _contexts(programs, order, origins, before, first_stage=stage == 0)
            for chunk in chunks:
                y, x = chunk.rows + grid.halo, chunk.columns + grid.halo
                tables = _tables(programs, contexts[chunk.members], known[y, x], chunk.m)
                known[y, x, chunk.m] = source(tables, chunk)


def _contexts(
    programs: ProgramSet,
    order: CodingOrder,
    origins: list[tuple[int, int]],
    known: np.ndarray,
    *,
    first_stage: bool,
) -> np.ndarray:
    """(n, width) context vectors of the tokens of some windows, given what is known."""
    grid, quality = order.grid, np.int32(order.quality)
    # Before the first stage all windows look alike.
    alike = programs.unknown_context(order.quality) if first_stage else None

    def of_window(origin: tuple[int, int]) -> np.ndarray:
        y, x = grid.window_positions(origin).T
        context = alike if first_stage else programs.context(grid.known_of(known, origin), quality)
        return context[y - origin[0], x - origin[1]]

    return np.concatenate(programs.map(of_window, origins))


def _tables(programs: ProgramSet, contexts: np.ndarray, known: np.ndarray, m: int) -> np.ndarray:
    """(n, K+1) uint32 cumulative tables of sub-quantizer m."""
    n, size = len(contexts), TOKENS_PER_BLOCK
    if programs.few_shapes:
        padding = ((0, -n % size), (0, 0))
        contexts, known = np.pad(contexts, padding), np.pad(known, padding)
    else:  # a block for each thread, but none so small that it is not worth a call, nor too large
        size = max(_FEWEST_TOKENS, min(_MOST_TOKENS, -(-n // programs.threads)))

    def of_block(start: int) -> np.ndarray:
        block = slice(start, start + size)
        return programs.head(contexts[block], known[block], np.int32(m))

    return np.concatenate(programs.map(of_block, range(0, n, size)))[:n]
