"""Chunks of symbols to a coded payload and back, with checks inside that locate damage.

Where the payload is long enough for it to cost under 0.1%, a CRC of the symbols since the last
check stands after every so many chunks, coded as a symbol of 16 bits.
"""

import zlib
from dataclasses import dataclass, field

import numpy as np

from pqmim_jax.coding import (
    PRECISION,
    CorruptFileError,
    RansDecoder,
    RansEncoder,
    TruncatedFileError,
)

_CHECK_BITS = PRECISION
_HEADER_BITS = 16  # two more fields
_MAX_SHARE = 0.001
_EVERY_VALUE = np.arange((1 << _CHECK_BITS) + 1, dtype=np.uint32)[None]


class DamagedChunkError(CorruptFileError):
    """A check inside the stream failed."""

    def __init__(self, message: str, trusted: int):
        """`trusted`: chunks before the last check that held."""
        super().__init__(message)
        self.trusted = trusted


@dataclass
class SymbolWriter:
    """Collects chunks in coding order."""

    _chunks: list[tuple[np.ndarray, np.ndarray, bytes]] = field(default_factory=list)
    _bits: float = 0.0

    def write(self, tables: np.ndarray, symbols: np.ndarray) -> np.ndarray:
        """Adds a chunk: tables (n, K+1) uint32, symbols (n,); returns each one's ideal bits."""
        each = np.arange(len(symbols))
        starts = tables[each, symbols]
        freqs = tables[each, symbols + 1] - starts
        bits = code_lengths(tables, symbols)
        self._chunks.append((starts, freqs, _as_bytes(symbols)))
        self._bits += float(bits.sum())
        return bits

    def check_period(self) -> int | None:
        """Chunks from one check to the next: as few as cost at most 0.1% of the payload."""
        affordable = int((self._bits * _MAX_SHARE - _HEADER_BITS) // _CHECK_BITS)
        if affordable < 1 or not self._chunks:
            return None
        return -(-len(self._chunks) // affordable)

    def coder(self, period: int | None) -> RansEncoder:
        """All chunks, with a check after every `period` of them."""
        coder, crc = RansEncoder(), 0
        for number, (starts, freqs, data) in enumerate(self._chunks, start=1):
            coder.push(starts, freqs)
            crc = zlib.crc32(data, crc)
            if period and number % period == 0:
                coder.push(np.array([_check_of(crc)], np.uint32), np.ones(1, np.uint32))
                crc = 0
        return coder


class SymbolReader:
    """Reads chunks in the order in which they were written."""

    def __init__(self, decoder: RansDecoder, period: int | None, limit: int | None = None):
        """`limit`: after so many chunks the stream counts as cut; None is never."""
        self._decoder = decoder
        self._period = period
        self._limit = limit
        self._number = 0
        self._crc = 0
        self._trusted_bytes = decoder.bytes_read

    @property
    def cut(self) -> bool:
        """Whether nothing more can be read."""
        return self._decoder.spent or self._number == self._limit

    def read(self, tables: np.ndarray) -> np.ndarray:
        """The next chunk.

        Args:
          tables: (n, K+1) uint32.

        Returns:
          (n,) int32.

        Raises:
          TruncatedFileError: the payload ends before.
          DamagedChunkError: a check fails.
        """
        symbols = self.read_available(tables)
        if len(symbols) < len(tables) or self._decoder.spent:
            raise TruncatedFileError(
                f"the file is cut short, inside chunk {self._number} of its indices"
            )
        return symbols

    def read_available(self, tables: np.ndarray) -> np.ndarray:
        """Like `read`, of as many symbols as are there."""
        if self.cut:
            return np.zeros(0, np.int32)
        symbols = self._decoder.pop_available(tables)
        self._number += 1
        self._crc = zlib.crc32(_as_bytes(symbols), self._crc)
        if self._period and self._number % self._period == 0 and not self._decoder.spent:
            self._check()
        return symbols

    @property
    def bytes_read(self) -> int:
        """Bytes of the payload used so far."""
        return self._decoder.bytes_read

    def finish(self, trailing: int) -> int:
        """The checksum over all; arguments and errors as `RansDecoder.finish`."""
        return self._decoder.finish(trailing)

    def _check(self) -> None:
        value = self._decoder.pop_available(_EVERY_VALUE)
        if len(value) and value[0] != _check_of(self._crc):
            trusted = self._number - self._period
            raise DamagedChunkError(
                f"damaged file: between bytes {self._trusted_bytes} and "
                f"{self._decoder.bytes_read} of the payload (chunks {trusted + 1} to "
                f"{self._number})",
                trusted,
            )
        self._crc, self._trusted_bytes = 0, self._decoder.bytes_read


def code_lengths(tables: np.ndarray, symbols: np.ndarray) -> np.ndarray:
    """Ideal bits (n,) float64 of each of symbols (n,) under cumulative tables (n, K+1)."""
    each = np.arange(len(symbols))
    frequencies = tables[each, symbols + 1] - tables[each, symbols]
    return PRECISION - np.log2(frequencies.astype(np.float64))


def _as_bytes(symbols: np.ndarray) -> bytes:
    return symbols.astype("<u2").tobytes()


def _check_of(crc: int) -> int:
    return crc & (1 << _CHECK_BITS) - 1
