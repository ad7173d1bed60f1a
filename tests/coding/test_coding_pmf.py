"""Integer frequencies: guarantees, pinned values, and the rule as FORMAT.md words it."""

import math
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from pqmim_jax import coding

LIMIT = coding.MAX_FIXED_LOGIT
ALPHABETS = st.integers(1, 300) | st.sampled_from([512, 1024, 4095, 4096])


@st.composite
def fixed_logits(draw):
    """int32[rows, K] from one of: every logit drawn, tight around 0, all at the extremes."""
    shape = (draw(st.integers(1, 3)), draw(ALPHABETS))
    low, high = draw(st.sampled_from([(-LIMIT, LIMIT), (-200, 200), (-3, 3)]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    if draw(st.booleans()):
        return rng.choice(np.array([low, high], np.int32), size=shape)
    return rng.integers(low, high, shape, endpoint=True, dtype=np.int32)


def format_md_frequencies(q: list[int]) -> list[int]:
    """Section 2 of FORMAT.md in unbounded integers, which cannot wrap around."""
    table = [int(entry) for entry in coding.exp_table()]
    peak = max(q)
    e = [table[min(peak - value, 189)] for value in q]
    total = sum(e)
    f = [1 + entry * (65536 - len(q)) // total for entry in e]
    f[q.index(peak)] += 65536 - sum(f)
    return f


def test_exp_table_is_the_rounded_exponential():
    table = coding.exp_table()
    assert table.dtype == np.uint32 and table.shape == (190,)
    assert table[:4].tolist() == [65535, 61564, 57834, 54330]
    assert table[-2:].tolist() == [1, 0]
    assert zlib.crc32(table.astype("<u4").tobytes()) == 0x67ABEC01
    for d, entry in enumerate(table.tolist()):
        assert abs(entry - 65535 * math.exp(-d / 16)) < 0.5 + 1e-6


def test_exp_table_cannot_be_changed_by_a_caller():
    with pytest.raises(ValueError):
        coding.exp_table()[0] = 1


@given(fixed_logits())
@settings(deadline=None, max_examples=60)
def test_frequencies_are_positive_sum_exactly_and_follow_the_written_rule(q):
    freqs = coding.frequencies(q)
    assert freqs.dtype == np.uint32 and freqs.shape == q.shape
    assert (freqs >= 1).all()
    assert (freqs.sum(axis=-1, dtype=np.uint64) == 65536).all()
    for row, expected in zip(freqs, q, strict=True):
        assert row.tolist() == format_md_frequencies(expected.tolist())


@given(fixed_logits(), st.integers(-1000, 1000))
@settings(deadline=None, max_examples=30)
def test_frequencies_ignore_a_common_shift_and_keep_the_order(q, shift):
    q = q // 2
    freqs = coding.frequencies(q)
    np.testing.assert_array_equal(coding.frequencies(q + np.int32(shift)), freqs)
    for logits, row in zip(q, freqs, strict=True):
        peak = logits.argmax()
        assert row[peak] == row.max()
        others = np.delete(np.arange(len(row)), peak)
        by_logit = others[np.argsort(logits[others], kind="stable")]
        assert (np.diff(row[by_logit].astype(np.int64)) >= 0).all()


def test_frequencies_pinned():
    def run(*q):
        return coding.frequencies(np.array(q, np.int32)).tolist()

    assert run(3) == [65536]
    assert run(0, -16, -32) == [43598, 16038, 5900]
    assert run(5, 5, 5, 5, 5, 5, 5) == [9364, 9362, 9362, 9362, 9362, 9362, 9362]
    assert run(7, -9, 100, 100, -300) == [98, 36, 32702, 32699, 1]
    assert run(-LIMIT, LIMIT) == [1, 65535]
    assert set(run(*[0] * 4096)) == {16}
    assert run(0, *[-LIMIT] * 4095) == [65536 - 4095] + [1] * 4095


def test_frequencies_approach_the_softmax():
    logits = np.random.default_rng(0).normal(size=(50, 256)).astype(np.float32) * 2
    freqs = coding.frequencies(coding.quantize_logits(logits))
    exact = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    # The loss in bits a symbol against float probabilities, by taking the expectation.
    loss = (exact * (np.log2(exact) - np.log2(freqs / 65536))).sum(-1)
    assert (loss >= 0).all() and (loss < 0.02).all()


def test_frequencies_do_not_depend_on_the_batch():
    q = np.random.default_rng(1).integers(-99, 99, (2, 3, 17), dtype=np.int32)
    together = coding.frequencies(q)
    alone = [[coding.frequencies(row) for row in rows] for rows in q]
    np.testing.assert_array_equal(together, alone)
    assert coding.frequencies(q[:0]).shape == (0, 3, 17)


@pytest.mark.parametrize(
    "q",
    [
        np.zeros((2, 0), np.int32),
        np.zeros(4097, np.int32),
        np.int32(0),
        np.zeros(4, np.int64),
        np.zeros(4, np.float32),
        np.array([LIMIT + 1, 0], np.int32),
        np.array([0, -LIMIT - 1], np.int32),
    ],
)
def test_frequencies_reject(q):
    with pytest.raises(ValueError):
        coding.frequencies(q)


@given(
    hnp.arrays(
        np.int64,
        st.tuples(st.integers(1, 3), st.integers(1, 300)),
        elements=st.integers(0, 50) | st.integers(0, 2**46 // 400),
    )
)
@settings(deadline=None, max_examples=40)
def test_frequencies_from_counts_are_positive_sum_exactly_and_near_the_share(counts):
    freqs = coding.frequencies_from_counts(counts)
    assert freqs.dtype == np.uint32 and freqs.shape == counts.shape
    assert (freqs >= 1).all()
    assert (freqs.sum(axis=-1, dtype=np.uint64) == 65536).all()
    share = (counts + 1) / (counts + 1).sum(-1, keepdims=True)
    assert (abs(freqs - 65536 * share) <= counts.shape[-1] + 1).all()


@pytest.mark.parametrize("run", [coding.frequencies, coding.frequencies_from_counts])
def test_the_order_in_memory_changes_nothing(run):
    dtype = np.int32 if run is coding.frequencies else np.int64
    values = np.random.default_rng(0).integers(0, 100, (2, 3, 5)).astype(dtype)
    expected = run(values)
    assert (expected.sum(-1) == 65536).all()
    np.testing.assert_array_equal(run(np.asfortranarray(values)), expected)
    np.testing.assert_array_equal(run(values[0, 0]), expected[0, 0])


def test_frequencies_from_counts_pinned():
    run = coding.frequencies_from_counts
    assert run(np.array([0, 0, 10, 89], np.int64)).tolist() == [637, 637, 6999, 57263]
    assert run(np.zeros(1, np.int64)).tolist() == [65536]
    assert run(np.array([2**46 - 2, 0], np.int64)).tolist() == [65535, 1]


@pytest.mark.parametrize(
    "counts",
    [
        np.array([-1, 3], np.int64),
        np.array([2**46 - 1, 0], np.int64),
        np.array([2**63 - 1, 2**63 - 1], np.int64),
        np.zeros(4, np.int32),
        np.zeros(0, np.int64),
    ],
)
def test_frequencies_from_counts_reject(counts):
    with pytest.raises(ValueError):
        coding.frequencies_from_counts(counts)


def test_cumulative_runs_from_0_to_the_total():
    freqs = coding.frequencies(np.array([[0, -16, -32], [9, 9, 9]], np.int32))
    bounds = coding.cumulative(freqs)
    assert bounds.dtype == np.uint32
    assert bounds[0].tolist() == [0, 43598, 43598 + 16038, 65536]
    np.testing.assert_array_equal(np.diff(bounds.astype(np.int64)), freqs)


def test_code_lengths():
    freqs = np.array([[65536 // 2, 65536 // 4, 65536 // 4], [65534, 1, 1]], np.uint32)
    lengths = coding.code_length_bits(freqs, np.array([0, 2]))
    assert lengths.dtype == np.float64
    assert lengths.tolist() == [1.0, 16.0]
    assert coding.code_length_bits(freqs, np.array([1, 0]))[0] == 2.0
    for bad in ([3, 0], [0, -1]):
        with pytest.raises(ValueError, match="symbols must be from 0 to 2"):
            coding.code_length_bits(freqs, np.array(bad))


def test_quantize_logits_rounds_half_to_even_and_clips():
    steps = np.array([0.5, 1.5, 2.5, -0.5, -1.5, 3.49, 3.51], np.float32)
    fixed = coding.quantize_logits(steps / 16)
    assert fixed.dtype == np.int32
    assert fixed.tolist() == [0, 2, 2, 0, -2, 3, 4]
    huge = np.array([np.inf, -np.inf, 3e38, -3e38, 65536, 65535.97], np.float32)
    assert coding.quantize_logits(huge).tolist() == [
        LIMIT, -LIMIT, LIMIT, -LIMIT, LIMIT, LIMIT,
    ]  # fmt: skip


def test_quantize_logits_rejects_nan_and_other_dtypes():
    with pytest.raises(ValueError, match="NaN"):
        coding.quantize_logits(np.array([0, np.nan], np.float32))
    with pytest.raises(ValueError, match="float32"):
        coding.quantize_logits(np.zeros(3, np.float64))
