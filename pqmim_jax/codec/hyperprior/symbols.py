"""Integers of any size through the rANS coder: finite alphabets, and an escape to the rest.

The order of chunks is part of the format: see FORMAT.md.
"""

from collections.abc import Iterator
from functools import cached_property

import numpy as np

from pqmim_jax.coding import (
    PRECISION,
    CorruptFileError,
    RansDecoder,
    RansEncoder,
    cumulative,
    frequencies_from_counts,
)

LARGEST_SYMBOL = 1 << 30
_TABLE_ENTRIES = 1 << 22  # of the tables of one chunk
_DIGIT_BITS = 3
_MAX_DIGITS = 11  # 33 bits: twice the largest symbol, and the sign
_DIGIT_FREQUENCY = (1 << PRECISION) >> (_DIGIT_BITS + 1)


class Alphabets:
    """Frequency tables of T alphabets."""

    def __init__(self, bounds: np.ndarray, weights: np.ndarray):
        """Arguments as in `models.hyperprior.symbol_weights.SymbolWeights`."""
        self._bounds = bounds.astype(np.int64)
        sizes = self._bounds[:, 1] - self._bounds[:, 0] + 2
        parts = np.split(weights, np.cumsum(sizes)[:-1])
        self._tables = [cumulative(frequencies_from_counts(part)) for part in parts]

    @cached_property
    def cheapest(self) -> float:
        """Bits, > 0, that any symbol takes at least."""
        largest = max(int(np.diff(table).max()) for table in self._tables)
        return PRECISION - float(np.log2(largest))

    def encode(self, encoder: RansEncoder, which: np.ndarray, values: np.ndarray) -> None:
        """Pushes integers.

        Args:
          which: (n,) int, the alphabet of each value.
          values: (n,) int32, at most `LARGEST_SYMBOL` in size.
        """
        escaped = []
        for rows, low, high, table in self._chunks(which):
            chunk = values[rows].astype(np.int64)
            inside = (low <= chunk) & (chunk <= high)
            symbols = np.where(inside, chunk - low, len(table) - 2)
            encoder.push(table[symbols], table[symbols + 1] - table[symbols])
            outside = chunk[~inside]
            above = outside > high
            escaped.append(np.where(above, 2 * (outside - high - 1), 2 * (low - 1 - outside) + 1))
        _encode_escaped(encoder, np.concatenate([np.zeros(0, np.int64), *escaped]))

    def decode(self, decoder: RansDecoder, which: np.ndarray) -> np.ndarray:
        """Inverse of `encode`: (n,) int32.

        Raises:
          PqmError: the data is damaged or ends too early.
        """
        values = np.zeros(len(which), np.int64)
        escaped, bounds = [np.zeros(0, np.intp)], [np.zeros((0, 2), np.int64)]
        for rows, low, high, table in self._chunks(which):
            symbols = decoder.pop(np.broadcast_to(table, (len(rows), len(table))))
            values[rows] = symbols + low
            escaped.append(rows[symbols == len(table) - 2])
            bounds.append(np.tile([low, high], (len(escaped[-1]), 1)))
        rows, (low, high) = np.concatenate(escaped), np.concatenate(bounds).T
        excess = _decode_escaped(decoder, len(rows))
        values[rows] = np.where(excess % 2, low - 1 - excess // 2, high + 1 + excess // 2)
        if (np.abs(values) > LARGEST_SYMBOL).any():
            raise CorruptFileError("damaged file: a symbol is larger than any encoder writes")
        return values.astype(np.int32)

    def _chunks(self, which: np.ndarray) -> Iterator[tuple[np.ndarray, int, int, np.ndarray]]:
        """Positions, bounds and table of each chunk, in coding order."""
        order = np.argsort(which, kind="stable")
        used, first = np.unique(which[order], return_index=True)
        for alphabet, rows in zip(used, np.split(order, first[1:]), strict=False):
            table = self._tables[alphabet]
            low, high = self._bounds[alphabet]
            size = max(1, _TABLE_ENTRIES // len(table))
            for start in range(0, len(rows), size):
                yield rows[start : start + size], int(low), int(high), table


def _encode_escaped(encoder: RansEncoder, excess: np.ndarray) -> None:
    while len(excess):
        digit, rest = excess % (1 << _DIGIT_BITS), excess >> _DIGIT_BITS
        symbols = (digit + ((rest > 0) << _DIGIT_BITS)).astype(np.uint32)
        frequency = np.full(len(symbols), _DIGIT_FREQUENCY, np.uint32)
        encoder.push(symbols * np.uint32(_DIGIT_FREQUENCY), frequency)
        excess = rest[rest > 0]


def _decode_escaped(decoder: RansDecoder, count: int) -> np.ndarray:
    excess, pending = np.zeros(count, np.int64), np.arange(count)
    table = np.arange(0, (1 << PRECISION) + 1, _DIGIT_FREQUENCY, dtype=np.uint32)
    for place in range(_MAX_DIGITS):
        if not len(pending):
            break
        symbols = decoder.pop(np.broadcast_to(table, (len(pending), len(table)))).astype(np.int64)
        excess[pending] += (symbols % (1 << _DIGIT_BITS)) << (_DIGIT_BITS * place)
        pending = pending[symbols >> _DIGIT_BITS > 0]
    if len(pending):
        raise CorruptFileError("damaged file: an escaped symbol does not end")
    return excess
