"""Rate-aware quantization: what lambda buys, and what it never breaks."""

import numpy as np
import pytest

from pqmim_jax.codec import Codec
from pqmim_jax.codec.quantization import choose, squared_distances


@pytest.fixture(scope="module")
def codec(tiny_model):
    return Codec.load(tiny_model)


@pytest.fixture(scope="module")
def image():
    return np.random.default_rng(0).integers(0, 256, (70, 90, 3), dtype=np.uint8)


def test_distances_rank_codewords_as_differences_do():
    rng = np.random.default_rng(1)
    z, codebook = rng.normal(size=(20, 3)), rng.normal(size=(7, 3))
    exact = 255**2 * ((z[:, None] - codebook) ** 2).sum(-1)
    shifted = squared_distances(z, codebook) + 255**2 * (z * z).sum(-1, keepdims=True)
    np.testing.assert_allclose(shifted, exact, rtol=1e-9)


def test_a_bit_is_worth_lambda():
    # Codeword 0: nearest, 3 bits. Codeword 1: 10 further away, 1 bit: 2 bits saved.
    distances = np.array([[0.0, 10.0, 1000.0]])
    frequencies = [2**13, 2**15, 2**16 - 2**13 - 2**15]
    tables = np.concatenate([[0], np.cumsum(frequencies)]).astype(np.uint32)[None]
    assert choose(distances, tables, 0.0) == 0
    assert choose(distances, tables, 4.9) == 0
    assert choose(distances, tables, 5.1) == 1


def test_larger_lambda_gives_smaller_files_that_decode_exactly(codec, image):
    sizes = []
    for weight in (0, 3000, 1e6):
        encoded = codec.encode(image, rate_weight=weight)
        expected = codec.decode_indices(encoded.indices, codec.qualities, image.shape[:2])
        np.testing.assert_array_equal(codec.decompress(encoded.data), expected)
        sizes.append(encoded.stage_bits.sum())
    assert sizes[0] > sizes[1] > sizes[2]


def test_zero_lambda_sends_the_nearest_codewords(codec, image):
    encoded = codec.encode(image, rate_weight=0)
    np.testing.assert_array_equal(encoded.indices, codec.nearest_indices(image))


@pytest.mark.parametrize("weight", [-1, float("nan"), float("inf")])
def test_weights_that_mean_nothing_are_refused(codec, image, weight):
    with pytest.raises(ValueError, match="lambda"):
        codec.compress(image, rate_weight=weight)
