"""Pictures' borders: regions give what the network gives for the whole picture, as in training."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from ml_collections import ConfigDict

from pqmim_jax import Codec
from pqmim_jax.model_store import load_model
from pqmim_jax.models import build_autoencoder
from pqmim_jax.training.pqvae_loss import to_network

SIZES = [(48, 64), (272, 320), (400, 560)]  # one region, one that is rounded up; two


@pytest.fixture(scope="module")
def small():
    return Codec.load("small"), load_model("small")


def photo(height, width):
    """A smooth ramp with some noise: bright at the border, where zero is grey."""
    rows, columns = np.mgrid[:height, :width] / max(height, width)
    ramp = np.stack([200 + 40 * rows, 180 + 60 * columns, 220 - 30 * rows * columns], -1)
    noise = np.random.default_rng(0).normal(0, 8, (height, width, 3))
    return np.clip(ramp + noise, 0, 255).astype(np.uint8)


def whole(stored, method, *arguments):
    model = build_autoencoder(ConfigDict(stored.config["autoencoder"]))
    params = jax.tree.map(jnp.asarray, stored.autoencoder)
    apply = jax.jit(lambda params, *inputs: model.apply({"params": params}, *inputs, method=method))
    return np.asarray(apply(params, *arguments))[0]


@pytest.mark.parametrize("size", SIZES)
def test_latents_are_those_of_the_whole_picture(small, size):
    codec, stored = small
    image = photo(*size)
    expected = whole(stored, "sub_vectors", to_network(jnp.asarray(image[None])))
    np.testing.assert_allclose(codec.encode_latents(image), expected, atol=2e-3)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("quality", [2, 20])
def test_pictures_are_those_of_the_whole_network(small, size, quality):
    codec, stored = small
    image = photo(*size)
    indices = codec.nearest_indices(image)
    pixels = whole(stored, "decode_indices", jnp.asarray(indices[None]), jnp.array([quality]))
    expected = np.clip(np.round((pixels + 0.5) * 255), 0, 255)
    decoded = codec.decode_indices(indices, quality, size).astype(float)
    assert np.abs(decoded - expected).max() <= 1


def test_the_border_of_a_photograph_is_not_much_worse_than_its_middle(small):
    """A coarse bound on what users get; the tests above are the ones that see wrong borders."""
    codec, _ = small
    image = photo(256, 384)
    error = (codec.decompress(codec.compress(image)).astype(float) - image) ** 2
    middle = error[16:-16, 16:-16].mean()
    for border in (error[:16], error[-16:], error[:, :16], error[:, -16:]):
        assert border.mean() < 3 * middle
