import jax
import jax.numpy as jnp
import numpy as np
import pytest
from ml_collections import ConfigDict

from pqmim_jax.models.discriminator import build_discriminator
from pqmim_jax.models.layers.spectral import (
    COLLECTION,
    SpectralConv,
    next_vectors,
    power_iteration,
    spectral_norm,
)
from pqmim_jax.training import default_config

KEY = jax.random.key(1, impl="unsafe_rbg")  # compiles faster than the default
RNG = np.random.default_rng(0)
IMAGE = RNG.uniform(-0.5, 0.5, (2, 32, 48, 3)).astype(np.float32)
CODES = RNG.normal(size=(2, 2, 3, 5)).astype(np.float32)


def section(**overrides):
    config = ConfigDict(default_config.get_config().perceptual_training.discriminator)
    config.update(width=4, depth=2, condition_width=3, **overrides)
    return config


def singular_values(kernel):
    return np.linalg.svd(np.asarray(kernel, np.float64).reshape(-1, kernel.shape[-1]))[1]


def test_power_iteration_finds_the_largest_singular_value_from_below():
    kernel = jnp.asarray(RNG.normal(size=(3, 3, 4, 6)), jnp.float32)
    u = jnp.ones(6) / np.sqrt(6)
    estimates = []
    for _ in range(100):
        estimates.append(float(spectral_norm(kernel, u)))
        u = power_iteration(kernel, u)
    largest = singular_values(kernel)[0]
    assert (np.diff(estimates) > -1e-5).all()
    assert estimates[0] < 0.99 * largest
    assert estimates[-1] == pytest.approx(largest, rel=1e-5)


def test_the_gradient_of_the_norm_is_that_of_the_singular_value():
    kernel = jnp.asarray(RNG.normal(size=(5, 4)), jnp.float32)
    u = jnp.ones(4) / 2
    for _ in range(200):
        u = power_iteration(kernel, u)
    left, _, right = np.linalg.svd(np.asarray(kernel))
    expected = np.outer(left[:, 0], right[0])
    np.testing.assert_allclose(jax.grad(spectral_norm)(kernel, u), expected, atol=1e-4)


def test_a_normalised_convolution_has_norm_one_however_large_its_kernel():
    layer = SpectralConv(4, 1)
    x = RNG.normal(size=(1, 3, 3, 5)).astype(np.float32)
    variables = layer.init(KEY, x)
    params = {**variables["params"], "kernel": 100 * variables["params"]["kernel"]}
    vectors = variables[COLLECTION]
    for _ in range(200):
        vectors = next_vectors(params, vectors)
    y = layer.apply({"params": params, COLLECTION: vectors}, x)
    matrix = np.linalg.lstsq(x.reshape(-1, 5), np.asarray(y).reshape(-1, 4), rcond=None)[0]
    assert np.linalg.svd(matrix)[1][0] == pytest.approx(1, rel=1e-4)


@pytest.fixture(scope="module")
def network():
    """The conditional discriminator with its collections as arguments, and these."""
    model = build_discriminator(section())
    variables = jax.jit(model.init)(KEY, IMAGE, CODES)
    return jax.jit(lambda v, x, c: model.apply(v, x, c, mutable=[COLLECTION])), variables


def test_a_logit_for_every_patch(network):
    apply, variables = network
    assert apply(variables, IMAGE, CODES)[0].shape == (2, 8, 12, 1)


def test_every_kernel_has_its_vector_and_applying_changes_none(network):
    apply, variables = network
    assert set(variables[COLLECTION]) == set(variables["params"])
    _, after = apply(variables, IMAGE, CODES)
    jax.tree.map(np.testing.assert_array_equal, after[COLLECTION], variables[COLLECTION])


def test_a_code_counts_around_its_own_pixels_only(network):
    apply, variables = network
    changed = CODES.copy()
    changed[0, 0, 0] += 10
    before, after = (np.asarray(apply(variables, IMAGE, c)[0]) for c in (CODES, changed))
    moved = np.abs(after - before)[..., 0] > 1e-6
    assert moved[0, :4, :4].any()
    assert not moved[1].any()
    assert not moved[0, :, 11].any()


def test_without_a_condition_codes_do_not_count():
    config = section(spectral_norm=False)
    config.condition_width = 0
    model = build_discriminator(config)
    variables = jax.jit(model.init)(KEY, IMAGE, CODES)
    assert COLLECTION not in variables
    apply = jax.jit(model.apply)
    np.testing.assert_array_equal(
        apply(variables, IMAGE, CODES), apply(variables, IMAGE, 0 * CODES)
    )


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"depth": 0}, "discriminator.depth must be >= 1, got 0"),
        ({"width": 0}, "discriminator.width"),
        ({"condition_width": -1}, "discriminator.condition_width must be >= 0"),
        ({"dtype": "float8"}, "unknown dtype 'float8'"),
    ],
)
def test_a_network_that_makes_no_sense_is_refused(overrides, message):
    config = section()
    config.update(overrides)
    with pytest.raises(ValueError, match=message):
        build_discriminator(config)
