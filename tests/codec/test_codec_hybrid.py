"""Files that hold only a part: truncated, of some stages, damaged; and how the rest is filled."""

import re

import numpy as np
import pytest

from pqmim_jax import coding
from pqmim_jax.codec.fill import Fill
from pqmim_jax.codec.order import Chunk
from pqmim_jax.codec.reading import read_content

SCHEDULE = "qlds(stages=2)*coarse_first(size=2)"  # three stages of the tiny model


@pytest.fixture(scope="module")
def image():
    rng = np.random.default_rng(0)
    coarse = rng.integers(40, 216, (7, 9, 3))
    return np.kron(coarse, np.ones((16, 16, 1))).astype(np.uint8)[:100, :140]


@pytest.fixture(scope="module")
def encoded(codec, image):
    return codec.encode(image, schedule=SCHEDULE)


def mean_squared_error(a, b):
    return np.mean((a.astype(float) - b) ** 2)


def test_every_prefix_is_a_picture_and_the_whole_file_is_the_whole_picture(codec, image, encoded):
    header = len(encoded.data) - len(coding.unpack(encoded.data)[1].data)
    for length in range(len(encoded.data)):
        if length < header:
            with pytest.raises(coding.TruncatedFileError):
                codec.decode(encoded.data[:length], allow_truncated=True)
        elif length % 7 == 0 or length > len(encoded.data) - 8:
            part = codec.decode(encoded.data[:length], allow_truncated=True)
            assert part.pixels.shape == image.shape
            assert "cut short" in part.damage
            with pytest.raises(coding.TruncatedFileError):
                codec.decompress(encoded.data[:length])
    whole = codec.decode(encoded.data, allow_truncated=True)
    assert whole.damage is None
    np.testing.assert_array_equal(whole.pixels, codec.decompress(encoded.data))


@pytest.mark.parametrize("stages", [1, 2, 3])
def test_a_prefix_holds_every_index_that_its_bytes_pay_for(codec, encoded, stages):
    ends = codec.info(encoded.data).stage_ends
    assert list(ends) == sorted(ends)
    assert ends[-1] == len(encoded.data)
    indices, sent = read_prefix(codec, encoded.data[: ends[stages - 1]], stages)
    np.testing.assert_array_equal(indices[sent], encoded.indices[sent])
    assert (indices >= 0).all()


def read_prefix(codec, data, stages):
    """Indices (h, w, M') of the beginning of a file, and which of them lie in so many stages."""
    header, payload = coding.unpack(data)
    order = codec.coding_order(header)
    fill = Fill("argmax", np.zeros((4, 16, 4), np.float32), 1.0, 0)
    content = read_content(codec.programs, order, header, payload, lambda: fill, tolerant=True)
    return content.indices[..., : header.quality], order.stage_of_indices() < stages


@pytest.mark.parametrize("quality", [1, 2, 4])
def test_a_model_that_knows_the_quality_reads_parts_of_every_one(told_codec, image, quality):
    whole = told_codec.encode(image, quality=quality, schedule=SCHEDULE)
    expected = whole.indices[..., :quality]
    ends = told_codec.info(whole.data).stage_ends
    for stages, end in enumerate(ends, start=1):
        indices, sent = read_prefix(told_codec, whole.data[:end], stages)
        np.testing.assert_array_equal(indices[sent], expected[sent])
        part = told_codec.encode(image, quality=quality, schedule=SCHEDULE, stages=stages)
        np.testing.assert_array_equal(part.indices[..., :quality][sent], expected[sent])
        assert told_codec.decode(part.data).damage is None


def test_stages_without_tokens_end_where_they_begin(codec):
    pixel = np.full((1, 1, 3), 90, np.uint8)
    data = codec.compress(pixel, schedule="qlds(stages=8)")
    ends = codec.info(data).stage_ends
    assert len(ends) == 8
    assert list(ends) == sorted(ends)
    assert ends[-1] == len(data)


def test_some_stages_make_a_smaller_file_whose_indices_are_those_of_the_whole(
    codec, image, encoded
):
    sizes = []
    for stages in (1, 2, 3):
        part = codec.encode(image, schedule=SCHEDULE, stages=stages)
        sent = part.indices >= 0
        np.testing.assert_array_equal(part.indices[sent], encoded.indices[sent])
        assert len(part.stage_bits) == stages
        sizes.append(len(part.data))
        decoded = codec.decode(part.data)
        assert decoded.damage is None
        assert decoded.pixels.shape == image.shape
        assert coding.unpack(part.data)[0].stages == (stages if stages < 3 else None)
    assert sizes == sorted(set(sizes))
    assert part.data == encoded.data


def test_damage_in_a_file_of_some_stages_is_an_error(codec, image):
    data = codec.encode(image, schedule=SCHEDULE, stages=1).data
    for position in range(len(data)):
        damaged = bytearray(data)
        damaged[position] ^= 0x10
        with pytest.raises(coding.PqmError):
            codec.decompress(bytes(damaged))


def test_fills_differ_and_samples_follow_their_seed(codec, image):
    data = codec.encode(image, schedule=SCHEDULE, stages=1).data
    mean, argmax = (codec.decompress(data, fill=fill) for fill in ("mean", "argmax"))
    assert not np.array_equal(mean, argmax)
    samples = [codec.decompress(data, fill="sample", seed=seed) for seed in (0, 0, 1)]
    np.testing.assert_array_equal(samples[0], samples[1])
    assert not np.array_equal(samples[0], samples[2])


def test_samples_have_the_frequencies_of_the_tables():
    tables = np.tile(np.array([0, 40000, 40001, 65536], np.uint32), (20000, 1))
    chunk = Chunk(0, 0, *[np.arange(20000)] * 3)
    codebooks = np.array([[[1.0], [2.0], [4.0]]], np.float32)

    def drawn(how, temperature):
        fill = Fill(how, codebooks, temperature, seed=5)
        return np.bincount(fill.symbols(tables, chunk), minlength=3) / 20000

    np.testing.assert_allclose(drawn("sample", 1.0), [0.6104, 0.0, 0.3896], atol=0.01)
    # At 1/2 probabilities are squared, at a low temperature only the likeliest is left.
    np.testing.assert_allclose(drawn("sample", 0.5), [0.7105, 0.0, 0.2895], atol=0.01)
    np.testing.assert_array_equal(drawn("sample", 1e-3), [1, 0, 0])
    np.testing.assert_array_equal(drawn("argmax", 1.0), [1, 0, 0])


def test_the_mean_is_that_of_the_codewords():
    fill = Fill("mean", np.array([[[1.0], [2.0], [4.0]]], np.float32), 1.0, 0)
    tables = np.array([[0, 32768, 49152, 65536]], np.uint32)
    one = np.zeros(1, np.int64)
    assert fill.symbols(tables, Chunk(0, 0, one, one, one)) == 0
    latents = np.zeros((1, 1, 1, 1), np.float32)
    fill.soften(latents)
    assert latents.item() == 0.5 * 1 + 0.25 * 2 + 0.25 * 4


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"fill": "noise"}, "unknown fill 'noise'; choices: mean, argmax, sample"),
        ({"fill": "sample", "temperature": 0}, "temperature must be a number > 0"),
        ({"fill": "sample", "temperature": float("nan")}, "temperature"),
        ({"seed": -1}, "seed must be >= 0"),
    ],
)
def test_fills_that_mean_nothing_are_refused(codec, encoded, options, message):
    with pytest.raises(ValueError, match=message):
        codec.decompress(encoded.data, **options)


@pytest.fixture(scope="module")
def long_file(codec):
    """A file large enough for checks inside, and its header."""
    noise = np.random.default_rng(3).integers(0, 256, (900, 1100, 3), dtype=np.uint8)
    data = codec.compress(noise, schedule=SCHEDULE, rate_weight=0)
    return data, coding.unpack(data)[0]


def test_checks_cost_less_than_a_thousandth(codec, long_file):
    data, header = long_file
    assert header.check_period is not None
    ideal = codec.info(data).stage_bits.sum() / 8
    lanes = coding.unpack(data)[1].lanes
    assert len(data) <= ideal * 1.001 + 8 * lanes + 20 + len(SCHEDULE) + 8


def test_damage_is_located_and_what_lies_before_it_is_kept(codec, long_file):
    data, _ = long_file
    late = bytearray(data)
    late[len(data) * 9 // 10] ^= 1
    with pytest.raises(coding.CorruptFileError, match="damaged file: between bytes") as error:
        codec.decompress(bytes(late))
    begin, end = map(int, re.search(r"bytes (\d+) and (\d+)", str(error.value)).groups())
    assert begin <= len(data) * 9 // 10 <= end + len(data) - len(coding.unpack(data)[1].data)
    kept = codec.decode(bytes(late), allow_truncated=True)
    assert "between bytes" in kept.damage
    whole = codec.decompress(data)
    early = bytearray(data)
    early[len(data) // 10] ^= 1
    little = codec.decode(bytes(early), allow_truncated=True)
    assert mean_squared_error(kept.pixels, whole) < mean_squared_error(little.pixels, whole)


def test_damage_that_cannot_be_located_is_an_error_even_if_tolerated(codec, encoded):
    assert coding.unpack(encoded.data)[0].check_period is None
    length, found = len(encoded.data), 0
    header = length - len(coding.unpack(encoded.data)[1].data)
    for place in range(header, length, (length - header) // 8):
        damaged = bytearray(encoded.data)
        damaged[place] ^= 1
        try:
            codec.decompress(bytes(damaged))
        except coding.TruncatedFileError:
            continue  # to its decoder it looks cut short
        except coding.CorruptFileError:
            found += 1
        with pytest.raises(coding.CorruptFileError):
            codec.decode(bytes(damaged), allow_truncated=True)
    assert found
