import numpy as np
import pytest


@pytest.fixture(scope="session")
def hyperprior_folder(tmp_path_factory):
    """A model folder with random weights, two rates, f = 8."""
    from pqmim_jax.training.random_hyperprior import save_random_hyperprior, tiny_hyperprior_config

    folder = tmp_path_factory.mktemp("hyperprior")
    save_random_hyperprior(folder, tiny_hyperprior_config())
    return folder


@pytest.fixture(scope="session")
def hyperprior_codec(hyperprior_folder):
    from pqmim_jax.codec.hyperprior import HyperpriorCodec

    return HyperpriorCodec.load(hyperprior_folder)


@pytest.fixture(scope="session")
def picture():
    """Function of a size: a smooth picture with noise, uint8 (H, W, 3)."""

    def make(height, width, seed=0):
        random = np.random.default_rng(seed)
        y, x = np.mgrid[:height, :width][..., None] / 32
        waves = np.sin(x * [3, 2, 1] + y * random.uniform(-3, 3, 3))
        samples = 127 + 90 * waves + random.normal(0, 15, (height, width, 3))
        return np.uint8(np.clip(samples, 0, 255))

    return make
