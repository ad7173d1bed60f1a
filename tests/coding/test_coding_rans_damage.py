"""The rANS coder on cut, damaged and random data, and on wrong arguments."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rans_chunks import decode, encode, random_chunk

from pqmim_jax import coding


@pytest.mark.parametrize("lanes", [1, 64])
def test_a_prefix_decodes_up_to_where_its_words_end(lanes):
    rng = np.random.default_rng(5)
    chunks = [random_chunk(rng, 2000, 64, 40) for _ in range(4)]
    payload, _ = encode(chunks, 1, lanes)
    whole = coding.RansDecoder(payload.data, lanes, payload.state_bytes)
    assert whole.bytes_read == lanes * payload.state_bytes
    ends = []
    for bounds, _ in chunks:
        whole.pop(bounds)
        ends.append(whole.bytes_read)
    assert ends[-1] == len(payload.data)
    for done, end in enumerate(ends[:-1], start=1):
        prefix = coding.RansDecoder(payload.data[: end + 3], lanes, payload.state_bytes)
        for bounds, symbols in chunks[:done]:
            np.testing.assert_array_equal(prefix.pop(bounds), symbols)
        with pytest.raises(coding.TruncatedFileError):
            prefix.pop(chunks[done][0])


@given(st.sampled_from([1, 4, 16, 64]), st.integers(0, 2**32), st.floats(0, 1))
@settings(deadline=None, max_examples=60)
def test_all_symbols_before_the_cut_are_known(lanes, seed, share):
    rng = np.random.default_rng(seed)
    chunks = [random_chunk(rng, 300, 64, 40) for _ in range(3)]
    payload, _ = encode(chunks, 1, lanes)
    head = lanes * payload.state_bytes
    cut = payload.data[: head + int(share * (len(payload.data) - head))]
    decoder = coding.RansDecoder(cut, lanes, payload.state_bytes)
    found = [decoder.pop_available(bounds) for bounds, _ in chunks]
    truth = np.concatenate([symbols for _, symbols in chunks])
    known = np.concatenate(found)
    np.testing.assert_array_equal(known, truth[: len(known)])
    assert decoder.spent == (len(cut) < len(payload.data))
    # Nothing is skipped: after a short chunk there is nothing more.
    assert [len(each) for each in found] == [np.clip(len(known) - i, 0, 300) for i in (0, 300, 600)]
    # And what the bytes pay for is there, but for what is left in the lanes (up to 64 bits
    # each) and what their first states did not use (up to 32).
    prefix = [(bounds[: len(f)], f) for (bounds, _), f in zip(chunks, found, strict=True)]
    assert encode(prefix)[1] >= 8 * len(cut) - 96 * lanes - 32


@given(
    st.binary(max_size=700),
    st.sampled_from([(1, 5), (1, 6), (1, 7), (1, 8), (4, 8), (16, 8), (64, 8), (1, 4), (4, 7)]),
    st.integers(1, 300),
)
@settings(deadline=None, max_examples=150)
def test_random_bytes_raise_only_pqm_errors(data, layout, alphabet):
    rng = np.random.default_rng(alphabet)
    chunks = [random_chunk(rng, 90, alphabet, 100) for _ in range(3)]
    try:
        decoder = coding.RansDecoder(data, *layout)
        for bounds, _ in chunks:
            symbols = decoder.pop(bounds)
            assert (symbols >= 0).all() and (symbols < alphabet).all()
        decoder.finish()
    except coding.PqmError as error:
        assert "\n" not in str(error)


@pytest.mark.parametrize("lanes", [1, 64])
def test_damage_is_told_apart(lanes):
    chunks = [random_chunk(np.random.default_rng(2), 2000, 50, 40)]
    payload, _ = encode(chunks, 1, lanes)

    def damaged(data):
        return decode(chunks, coding.RansPayload(data, lanes, payload.state_bytes))

    with pytest.raises(coding.TruncatedFileError, match="ends too early"):
        damaged(payload.data[:-1])
    with pytest.raises(coding.TruncatedFileError, match="states take"):
        damaged(payload.data[: lanes * payload.state_bytes - 1])
    with pytest.raises(coding.CorruptFileError, match="5 bytes are left"):
        damaged(payload.data + b"12345")
    with pytest.raises(coding.CorruptFileError, match="below its smallest"):
        damaged(bytes(8 * lanes) + payload.data)
    decoder = coding.RansDecoder(payload.data, lanes, payload.state_bytes)
    with pytest.raises(coding.CorruptFileError, match="left after"):
        decoder.finish()


def test_an_unfinished_state_is_corrupt():
    with pytest.raises(coding.CorruptFileError, match="initial state"):
        coding.RansDecoder((2 << 32).to_bytes(5, "little"), 1, 5).finish()
    other = (1 << 32).to_bytes(8, "little")
    with pytest.raises(coding.CorruptFileError, match="initial state"):
        coding.RansDecoder(other * 3 + (1 + (1 << 32)).to_bytes(8, "little"), 4, 8).finish()


@pytest.mark.parametrize(
    ("starts", "freqs"),
    [([0], [0]), ([1], [65536]), ([65535], [2]), ([0, 0], [1]), ([[0]], [[1]]), ([2**32 - 1], [2])],
)
def test_push_rejects(starts, freqs):
    with pytest.raises(ValueError):
        coding.RansEncoder().push(np.array(starts, np.uint32), np.array(freqs, np.uint32))


def test_wrong_arguments_are_value_errors():
    encoder = coding.RansEncoder()
    with pytest.raises(ValueError, match="uint32"):
        encoder.push(np.zeros(1, int), np.ones(1, int))
    for tail in (-1, 2**32):
        with pytest.raises(ValueError, match="tail"):
            encoder.finish(tail)
    with pytest.raises(ValueError, match="lanes must be one of"):
        encoder.finish(0, lanes=2)
    decoder = coding.RansDecoder(bytes.fromhex("0000000001"), 1, 5)
    for bad in ([0, 65536], [[0, 65535]], [[1, 65536]], [[65536]]):
        with pytest.raises(ValueError):
            decoder.pop(np.array(bad, np.uint32))
