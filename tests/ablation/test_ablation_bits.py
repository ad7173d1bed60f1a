"""Measured bits are those that the codec spends, in whole files too."""

from dataclasses import replace

import numpy as np
import pytest

from pqmim_jax.ablation import bits
from pqmim_jax.codec.order import CodingOrder
from pqmim_jax.codec.programs import Programs
from pqmim_jax.codec.windows import WindowGrid
from pqmim_jax.coding import (
    CorruptFileError,
    PqmError,
    RansPayload,
    TruncatedFileError,
    pack,
    unpack,
)


@pytest.fixture(scope="module")
def image():
    return np.random.default_rng(0).integers(0, 255, (100, 180, 3), np.uint8)


def order_for(codec, image, schedule, window=4):
    grid = WindowGrid(*image.shape[:2], codec.pixels_per_token, window, 1)
    return CodingOrder(grid, codec.qualities, codec.qualities, schedule)


@pytest.mark.parametrize("schedule", ["qlds(stages=4)", "checkerboard*coarse_first(size=2)"])
def test_bits_are_those_of_the_codec(codec, image, schedule):
    indices = codec.nearest_indices(image)
    coded = bits.encode(codec.programs, order_for(codec, image, schedule), indices)
    whole = codec.encode(image, rate_weight=0.0, schedule=schedule)
    np.testing.assert_array_equal(whole.indices, indices)
    np.testing.assert_array_equal(coded.stage_bits, whole.stage_bits)
    # The file: the same payload, a header, and room for the coder's states.
    assert len(coded.payload.data) <= len(whole.data)
    assert 0 <= 8 * len(coded.payload.data) - coded.stage_bits.sum() < 8 * 16


def test_what_is_coded_is_decoded(codec, image):
    indices = codec.nearest_indices(image)
    order = order_for(codec, image, "random(stages=3,seed=5)")
    payload = bits.encode(codec.programs, order, indices).payload
    decoded, seconds = bits.decode(codec.programs, order, payload)
    np.testing.assert_array_equal(decoded, indices)
    assert seconds > 0


def test_a_schedule_that_only_the_encoder_has_is_caught(codec, image):
    schedule = "random(stages=3,seed=5)"
    coded = bits.encode(
        codec.programs, order_for(codec, image, schedule), codec.nearest_indices(image)
    )
    for other in ("random(stages=3,seed=6)", "one_shot"):
        with pytest.raises((PqmError, bits.RoundTripError)):
            bits.decode(codec.programs, order_for(codec, image, other), coded.payload)
    # In a whole file, where the header loses the schedule and the model's own takes its place.
    header, payload = unpack(codec.compress(image, schedule=schedule))
    assert header.schedule is not None
    kept = RansPayload(payload.data, payload.lanes, payload.state_bytes)
    # What is decoded is noise: either its checksum fails, or it runs out of bits before.
    with pytest.raises((CorruptFileError, TruncatedFileError)):
        codec.decompress(pack(replace(header, schedule=None), kept, []))


def test_smaller_windows_keep_the_biases_of_small_offsets(codec, image):
    small = bits.with_window(codec.model, 3)
    bias = codec.model.mim["block_0"]["attention"]["position_bias"]
    cut = small.mim["block_0"]["attention"]["position_bias"]
    np.testing.assert_array_equal(cut, bias[1:-1, 1:-1])
    order = order_for(codec, image, "qlds(stages=2)", window=3)
    indices = codec.nearest_indices(image)
    programs = Programs(small)
    coded = bits.encode(programs, order, indices)
    decoded, _ = bits.decode(programs, order, coded.payload)
    np.testing.assert_array_equal(decoded, indices)
    assert bits.with_window(codec.model, 4) is codec.model
    with pytest.raises(ValueError, match="windows of 5 tokens are larger than 4"):
        bits.with_window(codec.model, 5)
