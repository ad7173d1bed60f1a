"""Integer symbol frequencies from fixed-point logits: exact, and the same on every platform.

An entropy coder needs encoder and decoder to hold the *same* integers. Everything behind the
rounding of a logit (`quantize_logits`) is therefore integer arithmetic, and this module is its
reference. `frequencies` needs nothing beyond 32-bit integers, so that a twin on an accelerator
can be bit-exact with it. The rule and its constants are ours.
"""

import decimal
from functools import cache

import numpy as np

LOGIT_FRACTION_BITS = 4
"""A fixed-point logit counts steps of 2**-4 = 1/16 nat."""

MAX_FIXED_LOGIT = 2**20
"""Fixed-point logits lie in [-2**20, 2**20] (65,536 nats): exact in float32, and the difference
of two of them fits int32 with room to spare."""

PRECISION = 16
"""Frequencies of one distribution sum to exactly 2**16."""

MAX_ALPHABET = 4096
"""Largest alphabet size K."""

MAX_COUNT_TOTAL = 2**46
"""Largest sum of counts that `frequencies_from_counts` takes: its products then fit int64."""

_TOTAL = 1 << PRECISION


@cache
def exp_table() -> np.ndarray:
    """Table of 65535 * exp(-d / 2**LOGIT_FRACTION_BITS), rounded to the nearest integer.

    Computed with 50 decimal digits (`Decimal.exp` is correctly rounded), so no platform's `exp`
    has a say in it. Except at d = 0 the exact value is transcendental, hence never a tie.

    Returns:
        uint32[190], read-only, falling from 65535 to a last entry of 0 (the first that is 0):
        a larger d is clipped to the last entry.
    """
    entries = []
    with decimal.localcontext(decimal.Context(prec=50)):
        step = decimal.Decimal(1) / (1 << LOGIT_FRACTION_BITS)
        while not entries or entries[-1] > 0:
            exact = (_TOTAL - 1) * (-len(entries) * step).exp()
            entries.append(int(exact.to_integral_value(decimal.ROUND_HALF_EVEN)))
    table = np.array(entries, np.uint32)
    table.flags.writeable = False
    return table


@cache
def _doubles() -> np.ndarray:
    return exp_table().astype(np.float64)


def quantize_logits(logits: np.ndarray) -> np.ndarray:
    """Round logits to fixed point: the one place where a float decides about a byte.

    Args:
        logits: float32[...], in nats. Infinities are clipped like any other large value.

    Returns:
        int32[...]: logits * 2**LOGIT_FRACTION_BITS, clipped to +-MAX_FIXED_LOGIT and rounded to
        the nearest integer, halves to even.

    Raises:
        ValueError: the dtype is not float32, or a logit is NaN.
    """
    logits = np.asarray(logits)
    if logits.dtype != np.float32:
        raise ValueError(f"logits must be float32, got {logits.dtype}")
    if np.isnan(logits).any():
        raise ValueError("logits must not be NaN")
    # Clipped before scaling, which is exact then (a power of two, and no overflow).
    bound = np.float32(MAX_FIXED_LOGIT >> LOGIT_FRACTION_BITS)
    scaled = np.clip(logits, -bound, bound) * np.float32(1 << LOGIT_FRACTION_BITS)
    return np.rint(scaled).astype(np.int32)


def frequencies(q: np.ndarray) -> np.ndarray:
    """Integer softmax: frequencies of K symbols from their fixed-point logits.

    With N = 2**16, d_k = max(q) - q_k and e_k = table[min(d_k, last)],

        f_k = 1 + floor(e_k * (N - K) / sum(e)),

    and what is missing from N is added to the first index with the largest q.

    All of it fits 32 bits (here it is computed in doubles):
      * d_k: both logits are within +-2**20, so 0 <= d_k <= 2**21;
      * sum(e) <= K * (2**16 - 1) < 2**28 for K <= 2**12 (below 2**31 up to K = 2**15), and it is
        >= 65535 since the largest logit has e = 65535: no division by zero;
      * e_k * (N - K): e_k <= 2**16 - 1, and N - K <= 2**16 - 1 because K >= 1, so the product is
        at most (2**16 - 1)**2 < 2**32. It needs *unsigned* 32 bits.
    The sum is exact and the correction small: the real numbers 1 + e_k (N - K) / sum(e) add up
    to K + (N - K) = N. Each floor takes away less than 1, so the remainder r = N - sum(f) is
    0 <= r < K. Each f_k is >= 1 by the leading 1, and stays so since r >= 0.

    Args:
        q: int32[..., K], values in [-MAX_FIXED_LOGIT, MAX_FIXED_LOGIT], 1 <= K <= MAX_ALPHABET.

    Returns:
        uint32[..., K], each in [1, 2**16], summing to exactly 2**16 along the last axis.

    Raises:
        ValueError: wrong dtype, K out of range, or a logit out of range.
    """
    q = np.asarray(q)
    if q.dtype != np.int32:
        raise ValueError(f"fixed-point logits must be int32, got {q.dtype}")
    size = _alphabet_size(q)
    largest = q.max(axis=-1, keepdims=True)
    if q.size and (q.min() < -MAX_FIXED_LOGIT or largest.max() > MAX_FIXED_LOGIT):
        raise ValueError(f"fixed-point logits must be within +-{MAX_FIXED_LOGIT}")
    weights = _doubles().take(largest - q, mode="clip")
    total = weights.sum(axis=-1, keepdims=True)
    # In doubles, which is twice as fast here. Sums and products are exact; and a quotient that is
    # no whole number is 1 / total > 2**-28 away from one, where it is rounded by 2**-37 at most.
    weights *= _TOTAL - size
    weights /= total
    freqs = weights.astype(np.uint32)
    freqs += 1
    return _give_remainder(freqs, q.argmax(axis=-1))


def frequencies_from_counts(counts: np.ndarray) -> np.ndarray:
    """Frequencies of a static model from how often each symbol was seen (one is added to each).

    With c_k = counts_k + 1: f_k = 1 + floor(c_k * (2**16 - K) / sum(c)), the remainder added to
    the first index with the largest count; the argument of `frequencies` holds word for word.
    Products stay below 2**46 * 2**16 = 2**62.

    Args:
        counts: int64[..., K], each >= 0, sum(counts + 1) <= MAX_COUNT_TOTAL, 1 <= K <= 4096.

    Returns:
        uint32[..., K], each in [1, 2**16], summing to exactly 2**16 along the last axis.

    Raises:
        ValueError: wrong dtype, K out of range, a negative count, or too large a total.
    """
    counts = np.asarray(counts)
    if counts.dtype != np.int64:
        raise ValueError(f"counts must be int64, got {counts.dtype}")
    size = _alphabet_size(counts)
    # Each count is bounded first, so that neither the 1 added nor the sum can wrap around.
    if counts.size and (counts.min() < 0 or counts.max() >= MAX_COUNT_TOTAL):
        raise ValueError(f"counts must be from 0 to {MAX_COUNT_TOTAL - 1}")
    weights = counts + 1
    total = weights.sum(axis=-1, keepdims=True)
    if (total > MAX_COUNT_TOTAL).any():
        raise ValueError(f"counts + 1 must sum to at most {MAX_COUNT_TOTAL}")
    freqs = (1 + weights * (_TOTAL - size) // total).astype(np.uint32)
    return _give_remainder(freqs, counts.argmax(axis=-1))


def cumulative(freqs: np.ndarray) -> np.ndarray:
    """Cumulative frequencies: symbol k owns the slots [result[k], result[k + 1]).

    Args:
        freqs: uint32[..., K] as `frequencies` returns them.

    Returns:
        uint32[..., K + 1], from 0 to 2**16 along the last axis.
    """
    freqs = np.asarray(freqs)
    result = np.zeros((*freqs.shape[:-1], freqs.shape[-1] + 1), np.uint32)
    np.cumsum(freqs, axis=-1, dtype=np.uint32, out=result[..., 1:])
    return result


def code_length_bits(freqs: np.ndarray, symbols: np.ndarray) -> np.ndarray:
    """Ideal code length of each symbol in bits, 16 - log2(frequency).

    Args:
        freqs: uint32[..., K].
        symbols: integers[...], each in [0, K).

    Returns:
        float64[...], each in [0, 16].

    Raises:
        ValueError: a symbol out of range.
    """
    freqs, symbols = np.asarray(freqs), np.asarray(symbols)
    if symbols.size and (symbols.min() < 0 or symbols.max() >= freqs.shape[-1]):
        raise ValueError(f"symbols must be from 0 to {freqs.shape[-1] - 1}")
    chosen = np.take_along_axis(freqs, symbols[..., None].astype(np.intp), axis=-1)[..., 0]
    return PRECISION - np.log2(chosen.astype(np.float64))


def _alphabet_size(values: np.ndarray) -> int:
    size = values.shape[-1] if values.ndim else 0
    if not 1 <= size <= MAX_ALPHABET:
        raise ValueError(f"the alphabet size K must be from 1 to {MAX_ALPHABET}, got {size}")
    return size


def _give_remainder(freqs: np.ndarray, index: np.ndarray) -> np.ndarray:
    """Add what uint32[..., K] lacks from 2**16 to the entry at index [...]."""
    rows = freqs.reshape(-1, freqs.shape[-1])  # a copy, where the input had another memory order
    rows[np.arange(len(rows)), index.ravel()] += _TOTAL - rows.sum(axis=-1, dtype=np.uint32)
    return rows.reshape(freqs.shape)
