"""Integers under finite alphabets and an escape, and the weights these come from."""

import math
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pqmim_jax.codec.hyperprior.symbols import LARGEST_SYMBOL, Alphabets
from pqmim_jax.coding import CorruptFileError, RansDecoder, RansEncoder
from pqmim_jax.models.hyperprior.symbol_weights import (
    LARGEST_SCALE,
    SCALE_LEVELS,
    SMALLEST_SCALE,
    density_weights,
    gaussian_weights,
    log_scale_step,
)

GAUSSIANS = Alphabets(*gaussian_weights())


def encoded(which, values):
    encoder = RansEncoder()
    GAUSSIANS.encode(encoder, np.array(which, np.int64), np.array(values, np.int32))
    return encoder


@settings(deadline=None, max_examples=100)
@given(
    st.lists(
        st.tuples(
            st.integers(0, SCALE_LEVELS - 1),
            st.one_of(st.integers(-9, 9), st.integers(-LARGEST_SYMBOL, LARGEST_SYMBOL)),
        ),
        max_size=40,
    )
)
def test_any_integers_come_back(pairs):
    which = np.array([w for w, _ in pairs], np.int64)
    values = np.array([v for _, v in pairs], np.int32)
    payload = encoded(which, values).finish(7)
    decoder = RansDecoder(payload.data, payload.lanes, payload.state_bytes)
    np.testing.assert_array_equal(GAUSSIANS.decode(decoder, which), values)
    assert decoder.finish() == 7


def test_more_symbols_of_an_alphabet_than_a_chunk_holds_come_back():
    which = np.full(9000, SCALE_LEVELS - 1)  # of more than 1,100 entries: chunks of some 3,600
    values = np.random.default_rng(0).normal(0, LARGEST_SCALE, 9000).astype(np.int32)
    payload = encoded(which, values).finish(0)
    decoder = RansDecoder(payload.data, payload.lanes, payload.state_bytes)
    np.testing.assert_array_equal(GAUSSIANS.decode(decoder, which), values)


@pytest.mark.parametrize("level", [0, 10, 30, 63])
def test_gaussian_integers_cost_their_entropy(level):
    scale = SMALLEST_SCALE * math.exp(level * log_scale_step())
    values = np.rint(np.random.default_rng(level).normal(0, scale, 20000))
    cdf = NormalDist(0, scale).cdf
    ideal = -np.log2([cdf(v + 0.5) - cdf(v - 0.5) for v in values]).sum()
    assert encoded(np.full(20000, level), values).payload_bits == pytest.approx(
        ideal, rel=0.003, abs=3
    )


def test_scales_run_from_the_smallest_to_the_largest():
    last = SMALLEST_SCALE * math.exp((SCALE_LEVELS - 1) * log_scale_step())
    assert last == pytest.approx(LARGEST_SCALE)


def test_the_tables_never_change():
    """Files written yesterday are read today: weights of a few symbols, pinned."""
    bounds, weights = gaussian_weights()
    assert bounds[[0, 20, 40, 63]].tolist() == [[-1, 1], [-5, 5], [-44, 44], [-576, 576]]
    assert weights[:8].tolist() == [46, 16777124, 46, 0, 405, 16776405, 405, 0]
    assert len(weights) == (bounds[:, 1] - bounds[:, 0] + 2).sum()


def test_a_density_is_cut_to_its_likely_symbols():
    mass = np.zeros((2, 7))
    mass[0, 2:5] = [0.25, 0.5, 0.2]  # symbols -1, 0, 1; 0.05 lies elsewhere
    mass[1, 6] = 1e-9  # nothing likely at all
    bounds, weights = density_weights(mass)
    assert bounds.tolist() == [[-1, 1], [0, 0]]
    assert (weights / 2**24).tolist() == pytest.approx([0.25, 0.5, 0.2, 0.05, 0, 1], abs=1e-6)


def test_an_escape_that_never_ends_is_damage():
    """Digits with the mark "more follows" in all places: no encoder writes that."""
    encoder, table = RansEncoder(), Alphabets(np.array([[0, 0]]), np.array([0, 1]))
    escape = np.array([65536 // 3], np.uint32), np.array([65536 - 65536 // 3], np.uint32)
    encoder.push(*escape)
    for _ in range(12):
        encoder.push(np.array([4096 * 15], np.uint32), np.array([4096], np.uint32))
    payload = encoder.finish(0)
    decoder = RansDecoder(payload.data, payload.lanes, payload.state_bytes)
    with pytest.raises(CorruptFileError, match="does not end"):
        table.decode(decoder, np.zeros(1, np.int64))
