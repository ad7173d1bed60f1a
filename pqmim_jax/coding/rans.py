"""Interleaved rANS: symbols with integer frequencies to bytes and back.

rANS is Duda's (arXiv 1311.2540), its interleaving Giesen's (arXiv 1402.3392). The layout here is
ours: 64-bit states, 32-bit words, frequencies that sum to 2**P with P = 16.

**Invariant.** Between symbols every lane's state x is in I = [L, 2**32 L), with L = 2**32.

**One symbol** that owns the f slots [s, s + f) of [0, 2**16):

    C(x) = (x div f) * 2**16 + (x mod f) + s            (encode)
    D(y) = f * (y div 2**16) + (y mod 2**16) - s        (decode)

(x mod f) + s < 2**16, so y = C(x) has y mod 2**16 = (x mod f) + s, inside the symbol's slots (by
which the decoder finds it), and y div 2**16 = x div f: D(C(x)) = f (x div f) + x mod f = x.

**Renormalisation.** C(x) stays below 2**64 iff x div f < 2**48, that is x < x_max = f * 2**48.
The encoder therefore moves the low 32 bits of x to the output when x >= x_max, tested as
x >> 48 >= f because f << 48 wraps around in 64 bits for f = 2**16. Then
  * once is enough: afterwards x < 2**32 <= x_max;
  * C(x) is in I again: an untouched x is >= 2**32, a shifted one is >= f * 2**16 and < 2**32.
    Either way x div f >= 2**16 (2**32 / f >= 2**16 as f <= 2**16), hence C(x) >= 2**32 = L;
  * the decoder sees when: D(y) undoes C exactly, giving the x after the shift, and x < L holds
    iff the encoder shifted. It then reads one word: x = x * 2**32 + word.
For f = 2**16 (an alphabet of one) C is the identity: x_max = 2**64 is never reached, such a
symbol takes no bits. For any y in I, even of a damaged file, D(y) <= f * 2**48 - 1 < 2**64 and
D(y) >= f * 2**16 >= 2**16, so after one word x is in I: the decoder cannot overflow or stall.

**Lanes.** Symbol j of a chunk belongs to lane j mod lanes; every chunk begins at lane 0. The
encoder works backwards through everything, so the words come out last first and are reversed.
The decoder takes rows of one symbol a lane; in a row, the lanes that need a word read it in
ascending order.

**What it costs.** Lane 0 begins as 2**32 + tail, the others as 2**32. Coding adds up to
log2(p) per symbol (plus at most 2**-16 * log2(e) bits each, as x >= 2**16 f when C divides), so
the sum over lanes of log2(final state), plus 32 bits a word, is the ideal length plus
log2(2**32 + tail) + 32 * (lanes - 1).
  * One lane: the final state y is written in its floor(log2(y) / 8) + 1 bytes. With
    log2(2**32 + tail) < 33, the payload has at most floor((ideal + 33) / 8) + 1 bytes (the
    coding inefficiency aside), which is at most ceil(ideal / 8) + 4 + 1: the ideal length in
    whole bytes, the tail's 4, and 1.
  * Several: 64 bits each for a final state worth 32 to 64, on top of the 32 the state began with:
    32 to 64 bits a lane, of which lane 0's first 32 carry the tail. At most 64 * lanes - 32 bits.
"""

import numpy as np

from pqmim_jax.coding.errors import CorruptFileError, TruncatedFileError
from pqmim_jax.coding.lane_steps import (
    LOWER_BOUND,
    decode_scalar,
    decode_vector,
    encode_scalar,
    encode_vector,
)
from pqmim_jax.coding.payload import LANE_COUNTS, RansPayload, choose_lanes
from pqmim_jax.coding.pmf import PRECISION

SCALAR_LANES = 16
"""Up to this many lanes Python integers beat NumPy rows (measured); the bytes are the same."""


class RansEncoder:
    """Collects chunks of symbols in coding order; `finish` turns them into bytes.

    `finish` changes nothing, so it may be called more than once, and between chunks.
    """

    def __init__(self):
        """Begin without chunks."""
        self._chunks: list[tuple[np.ndarray, np.ndarray]] = []
        self._payload_bits = 0.0

    @property
    def payload_bits(self) -> float:
        """Ideal code length of all symbols so far, in bits."""
        return self._payload_bits

    def push(self, starts: np.ndarray, freqs: np.ndarray) -> None:
        """Append a chunk of n >= 0 symbols.

        Args:
            starts: uint32[n], cumulative frequency below each symbol.
            freqs: uint32[n], frequency of each symbol, >= 1, start + frequency <= 2**16.

        Raises:
            ValueError: wrong shapes or dtypes, or an interval outside of [0, 2**16).
        """
        starts, freqs = np.array(starts), np.array(freqs)
        if starts.ndim != 1 or starts.shape != freqs.shape:
            raise ValueError(
                f"starts and freqs must be 1-D and alike, got {starts.shape} and {freqs.shape}"
            )
        if starts.dtype != np.uint32 or freqs.dtype != np.uint32:
            raise ValueError(f"starts, freqs must be uint32, got {starts.dtype}, {freqs.dtype}")
        total = 1 << PRECISION
        if ((freqs < 1) | (freqs > total) | (starts > total - np.minimum(freqs, total))).any():
            raise ValueError(f"each symbol needs freq >= 1 and start + freq <= {total}")
        self._chunks.append((starts, freqs))
        self._payload_bits += float((PRECISION - np.log2(freqs.astype(np.float64))).sum())

    def finish(self, tail: int, lanes: int | None = None) -> RansPayload:
        """Encode everything pushed so far.

        Args:
            tail: number in [0, 2**32) that the decoder gets back at the end (a CRC-32, say).
            lanes: one of LANE_COUNTS; by default what `choose_lanes` says.

        Raises:
            ValueError: `tail` or `lanes` out of range.
        """
        if not 0 <= tail < 1 << 32:
            raise ValueError(f"the tail must be in [0, 2**32), got {tail}")
        if lanes is None:
            longest = max((len(freqs) for _, freqs in self._chunks), default=0)
            lanes = choose_lanes(self._payload_bits, longest)
        if lanes not in LANE_COUNTS:
            raise ValueError(f"lanes must be one of {LANE_COUNTS}, got {lanes}")
        states = [LOWER_BOUND + tail] + [LOWER_BOUND] * (lanes - 1)
        words = []
        if lanes <= SCALAR_LANES:
            for starts, freqs in reversed(self._chunks):
                encode_scalar(states, starts, freqs, words)
            stream = np.array(words[::-1], "<u4").tobytes()
        else:
            states = np.array(states, np.uint64)
            for starts, freqs in reversed(self._chunks):
                encode_vector(states, starts, freqs, words)
            stream = b"".join(row.astype("<u4").tobytes() for row in reversed(words))
        state_bytes = (int(states[0]).bit_length() + 7) // 8 if lanes == 1 else 8
        head = b"".join(int(state).to_bytes(state_bytes, "little") for state in states)
        return RansPayload(head + stream, lanes, state_bytes)


class RansDecoder:
    """Decodes the chunks of one payload in order. Raises only `PqmError`s on damaged data."""

    def __init__(self, data: bytes, lanes: int, state_bytes: int):
        """Read the states.

        Args:
            data: as in `RansPayload`, perhaps cut short: chunks decode up to where the words end.
            lanes: as in `RansPayload`.
            state_bytes: as in `RansPayload`.

        Raises:
            TruncatedFileError: the data is too short to hold the states.
            CorruptFileError: impossible lanes, state size or states.
        """
        payload = RansPayload(bytes(data), lanes, state_bytes)
        data, self._head = payload.data, lanes * state_bytes
        if len(data) < self._head:
            raise TruncatedFileError(
                f"the coder's states take {self._head} bytes, only {len(data)} are there"
            )
        states = [
            int.from_bytes(data[first : first + state_bytes], "little")
            for first in range(0, self._head, state_bytes)
        ]
        # One lane's state is written in as few bytes as it needs: its last byte is not 0.
        if min(states) < max(LOWER_BOUND, 1 << 8 * (state_bytes - 1) if lanes == 1 else 0):
            raise CorruptFileError("a state of the coder is below its smallest value")
        self._scalar = lanes <= SCALAR_LANES
        self._states = states if self._scalar else np.array(states, np.uint64)
        whole = (len(data) - self._head) // 4 * 4
        self._words = np.frombuffer(data[self._head : self._head + whole], "<u4").astype(np.uint32)
        self._size = len(data)
        self._position = 0

    @property
    def bytes_read(self) -> int:
        """Bytes of the payload used so far, states included."""
        return self._head + 4 * min(self._position, len(self._words))

    def pop(self, cumulative: np.ndarray) -> np.ndarray:
        """Decode the next chunk.

        Args:
            cumulative: uint32[n, K + 1], one row a symbol, increasing from 0 to 2**16.

        Returns:
            int32[n], symbols in [0, K).

        Raises:
            ValueError: `cumulative` is not of that form.
            TruncatedFileError: the words end inside this chunk; the decoder is spent then.
        """
        symbols = self.pop_available(cumulative)
        if len(symbols) < len(cumulative) or self.spent:
            raise TruncatedFileError(
                f"the coded data ends too early, after {len(self._words)} words"
            )
        return symbols

    def pop_available(self, cumulative: np.ndarray) -> np.ndarray:
        """`pop`, of as many symbols as the words last for: int32[n'], n' <= n; see `spent`."""
        cumulative = np.asarray(cumulative)
        if cumulative.ndim != 2 or cumulative.shape[1] < 2 or cumulative.dtype != np.uint32:
            raise ValueError(
                f"need uint32[n, K + 1], got {cumulative.dtype}{list(cumulative.shape)}"
            )
        if cumulative[:, 0].any() or (cumulative[:, -1] != 1 << PRECISION).any():
            raise ValueError(f"cumulative frequencies must run from 0 to {1 << PRECISION}")
        if self.spent:
            return np.zeros(0, np.int32)
        step = decode_scalar if self._scalar else decode_vector
        symbols, self._position = step(self._states, cumulative, self._words, self._position)
        return symbols

    @property
    def spent(self) -> bool:
        """Whether the words have ended before the symbols: nothing more can be decoded."""
        return self._position > len(self._words)

    def finish(self, trailing: int = 0) -> int:
        """Check that everything was used up, and return the tail, in [0, 2**32).

        Args:
            trailing: bytes that belong to what follows the payload.

        Raises:
            CorruptFileError: bytes beyond those are left, or a state is not what the encoder
                began with.
        """
        left = self._size - self.bytes_read - trailing
        if left:
            raise CorruptFileError(f"{left} bytes are left after the last symbol")
        first, *others = (int(state) for state in self._states)
        if first >= 2 * LOWER_BOUND or any(state != LOWER_BOUND for state in others):
            raise CorruptFileError("the coder does not end in its initial state")
        return first - LOWER_BOUND
