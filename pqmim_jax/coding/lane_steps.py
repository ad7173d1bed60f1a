"""One chunk of symbols through the rANS lanes, forwards and back; derivations are in `rans`.

Each step exists twice with identical results: on Python integers, quicker for few lanes, and on
NumPy rows of one symbol a lane, quicker for many (`SCALAR_LANES` in `rans` is the border).
States are changed in place.
"""

from bisect import bisect_right

import numpy as np

from pqmim_jax.coding.pmf import PRECISION

LOWER_BOUND = 1 << 32
"""States live in [2**32, 2**64)."""

_SLOT_MASK = (1 << PRECISION) - 1
_WORD_MASK = (1 << 32) - 1
_HEADROOM = 64 - PRECISION


def encode_scalar(
    states: list[int], starts: np.ndarray, freqs: np.ndarray, words: list[int]
) -> None:
    """Encode a chunk, last symbol first.

    Args:
        states: one state a lane.
        starts: uint32[n], cumulative frequency below each symbol, in coding order.
        freqs: uint32[n], frequency of each symbol, >= 1.
        words: 32-bit words are appended here in the reverse of the order they are read in.
    """
    lanes = len(states)
    pairs = zip(reversed(starts.tolist()), reversed(freqs.tolist()), strict=True)
    for position, (start, freq) in zip(range(len(starts) - 1, -1, -1), pairs, strict=True):
        lane = position % lanes
        state = states[lane]
        if state >> _HEADROOM >= freq:
            words.append(state & _WORD_MASK)
            state >>= 32
        quotient, rest = divmod(state, freq)
        states[lane] = (quotient << PRECISION) + rest + start


def encode_vector(
    states: np.ndarray, starts: np.ndarray, freqs: np.ndarray, words: list[np.ndarray]
) -> None:
    """Encode a chunk, last row of symbols first.

    Args:
        states: uint64[lanes].
        starts: uint32[n], cumulative frequency below each symbol, in coding order.
        freqs: uint32[n], frequency of each symbol, >= 1.
        words: arrays uint32[<= lanes] are appended here, the last row's first.
    """
    lanes = len(states)
    starts, freqs = starts.astype(np.uint64), freqs.astype(np.uint64)
    for first in range((len(starts) - 1) // lanes * lanes, -1, -lanes):
        start, freq = starts[first : first + lanes], freqs[first : first + lanes]
        state = states[: len(start)]
        # Compared after the shift: freq << 48 would wrap around to 0 for freq = 2**16.
        full = np.flatnonzero(state >> _HEADROOM >= freq)
        if full.size:
            words.append(state[full].astype(np.uint32))
            state[full] >>= 32
        quotient, rest = np.divmod(state, freq)
        state[:] = (quotient << PRECISION) + rest + start


def decode_scalar(
    states: list[int], cumulative: np.ndarray, words: np.ndarray, position: int
) -> tuple[np.ndarray, int]:
    """Decode a chunk symbol by symbol.

    Args:
        states: one state a lane.
        cumulative: uint32[n, K + 1], one row a symbol, from 0 to 2**16.
        words: uint32[...], all words of the payload.
        position: index of the next word.

    Returns:
        int32[n'] symbols, and the index of the next word. Where the words end inside the chunk,
        the index is one past their number and the symbols are those known by then, n' <= n.
    """
    count, width = cumulative.shape
    lanes, available = len(states), len(words)
    # A flat memoryview, since bisect on it runs in C and allocates no row of Python integers.
    bounds, words = memoryview(np.ascontiguousarray(cumulative).ravel()), memoryview(words)
    symbols = []
    for index in range(count):
        lane, base = index % lanes, index * width
        state = states[lane]
        slot = state & _SLOT_MASK
        above = bisect_right(bounds, slot, base, base + width)
        start = bounds[above - 1]
        state = (bounds[above] - start) * (state >> PRECISION) + slot - start
        symbols.append(above - 1 - base)
        if state < LOWER_BOUND:
            if position == available:
                position += 1
                break
            state = state << 32 | words[position]
            position += 1
        states[lane] = state
    return np.array(symbols, np.int32), position


def decode_vector(
    states: np.ndarray, cumulative: np.ndarray, words: np.ndarray, position: int
) -> tuple[np.ndarray, int]:
    """Decode a chunk row by row; the same as `decode_scalar` with states uint64[lanes]."""
    lanes = len(states)
    symbols = np.empty(len(cumulative), np.int32)
    for first in range(0, len(cumulative), lanes):
        bounds = cumulative[first : first + lanes]
        state = states[: len(bounds)]
        slot = (state & _SLOT_MASK).astype(np.uint32)
        symbol = _find(bounds, slot)
        row = np.arange(len(bounds))
        start = bounds[row, symbol]
        freq = (bounds[row, symbol + 1] - start).astype(np.uint64)
        state[:] = freq * (state >> PRECISION) + (slot - start)
        symbols[first : first + lanes] = symbol
        low = np.flatnonzero(state < LOWER_BOUND)
        if position + low.size > len(words):
            known = first + low[len(words) - position] + 1
            return symbols[:known], len(words) + 1
        state[low] = state[low] << 32 | words[position : position + low.size]
        position += low.size
    return symbols, position


def _find(bounds: np.ndarray, slots: np.ndarray) -> np.ndarray:
    """Index of the interval of each row of uint32[n, K + 1] that holds the slot, int64[n].

    Row j is lifted by j * 2**16, which makes the whole array one sorted list for one binary
    search; n <= 2**14 keeps it within 32 bits.
    """
    count, width = bounds.shape
    lift = np.arange(count, dtype=np.uint32) << PRECISION
    lifted = (bounds[:, :-1] + lift[:, None]).ravel()
    return np.searchsorted(lifted, slots + lift, side="right") - 1 - np.arange(count) * (width - 1)
