"""The rANS coder: round trips, exact bytes, exact sizes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rans_chunks import decode, encode, random_chunk

from pqmim_jax import coding
from pqmim_jax.coding import rans


def format_md_decode(chunks, payload):
    """Section 4 of FORMAT.md, line by line."""
    size = payload.state_bytes
    state = [
        int.from_bytes(payload.data[lane * size : (lane + 1) * size], "little")
        for lane in range(payload.lanes)
    ]
    words = iter(np.frombuffer(payload.data[payload.lanes * size :], "<u4").tolist())
    output = []
    for bounds, _ in chunks:
        for j, c in enumerate(bounds.tolist()):
            x = state[j % payload.lanes]
            slot = x % 65536
            k = next(k for k in range(len(c) - 1) if c[k] <= slot < c[k + 1])
            x = (c[k + 1] - c[k]) * (x >> 16) + slot - c[k]
            if x < 2**32:
                x = (x << 32) + next(words)
            state[j % payload.lanes] = x
            output.append(k)
    assert next(words, None) is None
    return output, state[0] - 2**32


@st.composite
def chunk_lists(draw):
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    shape = st.tuples(st.integers(0, 500), st.integers(1, 300), st.sampled_from([0, 30, 3000]))
    return [random_chunk(rng, *item) for item in draw(st.lists(shape, max_size=4))]


TAILS = st.integers(0, 2**32 - 1) | st.sampled_from([0, 1, 2**32 - 1])


@given(chunk_lists(), TAILS, st.sampled_from([None, *coding.LANE_COUNTS]))
@settings(deadline=None, max_examples=60)
def test_round_trip(chunks, tail, lanes):
    payload, _ = encode(chunks, tail, lanes)
    decoded, found = decode(chunks, payload)
    assert found == tail
    for symbols, (_, expected) in zip(decoded, chunks, strict=True):
        assert symbols.dtype == np.int32
        np.testing.assert_array_equal(symbols, expected)


@given(chunk_lists(), TAILS, st.sampled_from([1, 4, 16, 64]))
@settings(deadline=None, max_examples=15)
def test_decoder_written_from_format_md_agrees(chunks, tail, lanes):
    payload, _ = encode(chunks, tail, lanes)
    expected = [int(symbol) for _, symbols in chunks for symbol in symbols]
    assert format_md_decode(chunks, payload) == (expected, tail)


@pytest.mark.parametrize("lanes", [1, 4, 16, 64, 256])
def test_scalar_and_vector_steps_give_the_same(monkeypatch, lanes):
    rng = np.random.default_rng(lanes)
    chunks = [random_chunk(rng, n, k, 60) for n, k in ((300, 256), (0, 5), (77, 1), (130, 40))]
    payloads = []
    for border in (0, 1 << 20):
        monkeypatch.setattr(rans, "SCALAR_LANES", border)
        payloads.append(encode(chunks, 99, lanes)[0])
        decoded, tail = decode(chunks, payloads[0])
        assert tail == 99
        np.testing.assert_array_equal(
            np.concatenate(decoded), np.concatenate([symbols for _, symbols in chunks])
        )
    assert payloads[0] == payloads[1]


def pinned_chunks():
    q = np.add.outer(np.arange(12), np.arange(5)).astype(np.int32) * 37 % 64
    bounds = coding.cumulative(coding.frequencies(q))
    return [(bounds, np.arange(12) * 2 % 5), (bounds[:7], np.arange(7) % 5)]


@pytest.mark.parametrize(
    ("lanes", "state_bytes", "expected"),
    [
        (1, 5, "1a07292b0141690f4ec5019750"),
        (4, 8, "c30294a9976436014b4f13fba9020000b1ff202d7e630100fe500fc5b2420000"),
    ],
)
def test_exact_bytes(lanes, state_bytes, expected):
    payload, _ = encode(pinned_chunks(), 0xDEADBEEF, lanes)
    assert payload == coding.RansPayload(bytes.fromhex(expected), lanes, state_bytes)


def test_nothing_but_the_tail_takes_five_bytes():
    payload, bits = encode([], 0x01020304)
    assert bits == 0
    assert payload == coding.RansPayload(bytes.fromhex("0403020101"), 1, 5)


def test_an_alphabet_of_one_takes_no_bytes():
    bounds = np.tile(np.array([0, 65536], np.uint32), (1000, 1))
    for lanes in (1, 64):
        chunks = [(bounds, np.zeros(1000, int))]
        payload, bits = encode(chunks, 2**32 - 1, lanes)
        assert bits == 0
        assert len(payload.data) == (5 if lanes == 1 else 8 * lanes)
        assert decode(chunks, payload)[1] == 2**32 - 1


@given(st.integers(0, 600), st.integers(1, 300), TAILS, st.integers(0, 2**32 - 1))
@settings(deadline=None, max_examples=60)
def test_one_lane_costs_at_most_a_byte_beyond_ideal_and_tail(count, alphabet, tail, seed):
    chunk = random_chunk(np.random.default_rng(seed), count, alphabet, 50)
    payload, bits = encode([chunk], tail)
    assert payload.lanes == 1
    assert bits == pytest.approx(
        coding.code_length_bits(np.diff(chunk[0], axis=1), chunk[1]).sum(), abs=1e-6
    )
    ideal = bits + 2.3e-5 * count
    assert bits / 8 + 4 <= len(payload.data) <= np.ceil(ideal / 8) + 4 + 1


@pytest.mark.parametrize(("count", "lanes"), [(10_000, 1), (20_000, 4), (150_000, 16)])
def test_lanes_cost_at_most_a_five_hundredth(count, lanes):
    rng = np.random.default_rng(count)
    freqs = rng.integers(100, 1000, count, dtype=np.uint32)
    encoder = coding.RansEncoder()
    encoder.push(np.zeros(count, np.uint32), freqs)
    payload = encoder.finish(7)
    assert payload.lanes == lanes
    budget = 1.125 if lanes == 1 else 0.002 * encoder.payload_bits / 8
    inefficiency = 2.3e-5 * count / 8
    assert len(payload.data) - 4 <= encoder.payload_bits / 8 + budget + inefficiency


def test_choose_lanes():
    assert [coding.choose_lanes(bits) for bits in (0, 111_999, 112_000, 495_999, 496_000)] == [
        1, 1, 4, 4, 16,
    ]  # fmt: skip
    assert coding.choose_lanes(1e12) == 16384
    for lanes in coding.LANE_COUNTS[1:]:
        assert (64 * coding.choose_lanes(32_000 * lanes) - 32) / (32_000 * lanes) <= 0.002
    assert coding.choose_lanes(1e12, longest_chunk=1000) == 1024
    assert coding.choose_lanes(1e12, longest_chunk=1024) == 1024
    assert coding.choose_lanes(1e12, longest_chunk=0) == 1


def test_finish_may_be_called_again_and_pushed_arrays_may_be_reused():
    starts, freqs = np.zeros(9, np.uint32), np.full(9, 5, np.uint32)
    encoder = coding.RansEncoder()
    encoder.push(starts, freqs)
    first = encoder.finish(3)
    starts[:], freqs[:] = 100, 700
    assert encoder.finish(3) == first
    encoder.push(starts, freqs)
    assert len(encoder.finish(3).data) > len(first.data)
