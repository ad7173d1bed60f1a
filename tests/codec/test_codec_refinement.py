"""Refined latents: codewords for the picture's own error, in files that any decoder reads."""

from dataclasses import replace

import numpy as np
import pytest

from pqmim_jax import Codec
from pqmim_jax.codec.quantization import static_prices
from pqmim_jax.model_store import load_model

WEIGHT = 300.0  # lambda


@pytest.fixture(scope="module")
def image():
    return np.random.default_rng(0).integers(0, 256, (60, 128, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def stored(tiny_model):
    return load_model(tiny_model)


@pytest.fixture(params=["xcit", "pyramid"])
def each(request, stored):
    """A model of each backbone."""
    return (
        load_model(request.getfixturevalue("pyramid_model"))
        if request.param == "pyramid"
        else stored
    )


def refining(stored, steps, curvature, threads=None):
    codec = {**stored.config["codec"], "refinement_steps": steps, "curvature": curvature}
    model = replace(stored, config={**stored.config, "codec": codec})
    return Codec.of(model, threads=threads)


def cost_without_context(codec, image, indices):
    """What refinement lowers: squared error + lambda x bits at fixed frequencies."""
    picture = codec.decode_indices(indices, codec.qualities, image.shape[:2])
    prices = static_prices(codec.model.counts, codec.qualities)
    bits = sum(prices[m][indices[..., m]].sum() for m in range(codec.qualities))
    return np.sum((picture.astype(float) - image) ** 2) + WEIGHT * bits


def chosen_without_context(codec, image, steps):
    """Indices at fixed frequencies after `steps`; what is coded has the MIM's prices."""
    settings = codec.encode(image, rate_weight=WEIGHT, refinement_steps=steps).settings
    latents, weight = codec.refined(image, codec.encode_latents(image), settings)
    prices = static_prices(codec.model.counts, codec.qualities)
    penalties = np.float32(weight)[:, None] * prices
    norms = np.sum(codec.codebooks**2, -1)
    inner = np.einsum("hwmd,mkd->hwmk", latents, codec.codebooks)
    return np.argmin(255.0**2 * (norms - 2 * inner) + penalties, -1).astype(np.int32)


def test_each_step_lowers_error_plus_price(each, image):
    codec = refining(each, 1, 400.0)  # the random decoder's gain is large
    costs = [
        cost_without_context(codec, image, chosen_without_context(codec, image, steps))
        for steps in range(4)
    ]
    assert costs[1] < costs[0]
    assert costs[1] >= costs[2] >= costs[3]


@pytest.mark.parametrize("size", [(1, 1), (60, 128), (33, 70)])
def test_refined_files_decode_exactly(stored, codec, size):
    image = np.random.default_rng(1).integers(0, 256, (*size, 3), dtype=np.uint8)
    encoded = refining(stored, 2, 400.0).encode(image, rate_weight=WEIGHT, quality=3)
    expected = codec.decode_indices(encoded.indices, 3, size)
    np.testing.assert_array_equal(codec.decompress(encoded.data), expected)


def test_bytes_do_not_depend_on_threads(stored, image):
    one, three = (refining(stored, 2, 400.0, threads) for threads in (1, 3))
    assert one.compress(image, rate_weight=WEIGHT) == three.compress(image, rate_weight=WEIGHT)


def test_nothing_is_refined_where_it_is_not_asked_for(stored, codec, image):
    refines = refining(stored, 2, 400.0)
    plain = codec.compress(image, rate_weight=WEIGHT)
    assert refines.compress(image, rate_weight=WEIGHT) != plain
    assert refines.compress(image, rate_weight=WEIGHT, refinement_steps=0) == plain
    assert refines.compress(image, rate_weight=0) == codec.compress(image, rate_weight=0)


def test_refinement_is_no_part_of_what_a_model_decodes(stored, codec):
    assert refining(stored, 2, 400.0).model.fingerprint == codec.model.fingerprint


def test_prices_are_those_of_the_quality_in_use(stored, image):
    m, k = stored.counts.shape
    counts = np.random.default_rng(0).integers(0, 1000, (m, m, k))
    counts[2] = stored.counts
    together, apart = refining(stored, 1, 400.0), refining(replace(stored, counts=counts), 1, 400.0)
    for quality, equal in ((2, False), (3, True), (4, False)):
        options = {"quality": quality, "rate_weight": 3000.0}
        files = [codec.compress(image, **options) for codec in (together, apart)]
        assert (files[0] == files[1]) == equal
        assert together.decompress(files[1]).shape == image.shape


def test_a_codeword_that_a_quality_never_chose_still_has_a_price():
    counts = np.zeros((3, 3, 8), np.int64)
    counts[1, 0, 2] = 10**6
    prices = static_prices(counts, 2)
    assert prices.shape == (3, 8)
    assert prices[0].argmin() == 2 and prices[0].max() == 16
    np.testing.assert_allclose(prices[1], 3)
    np.testing.assert_allclose(static_prices(counts, 1), 3)


@pytest.mark.parametrize("steps", [-1, 101, 1.5])
def test_impossible_steps_are_refused(codec, image, steps):
    with pytest.raises(ValueError, match=r"refinement steps must be in 0\.\.100"):
        codec.compress(image, refinement_steps=steps)


def test_each_sub_quantizer_can_have_its_own_curvature(stored, image):
    count = stored.config["autoencoder"]["num_codebooks"]
    same = refining(stored, 2, [400.0] * count).compress(image, rate_weight=WEIGHT)
    other = refining(stored, 2, [800.0] + [400.0] * (count - 1))
    assert same == refining(stored, 2, 400.0).compress(image, rate_weight=WEIGHT)
    assert other.compress(image, rate_weight=WEIGHT) != same


@pytest.mark.parametrize("curvature", [0.0, -1.0, float("nan"), [], [400.0], [400.0, -1.0]])
def test_a_model_with_an_impossible_curvature_is_refused(stored, image, curvature):
    with pytest.raises(ValueError, match="curvature must be a number > 0"):
        refining(stored, 2, curvature).compress(image, rate_weight=WEIGHT)
