import numpy as np
import pytest
from PIL import Image

from pqmim_jax.losses.lpips import save_lpips
from pqmim_jax.losses.lpips_weights import lpips_shapes
from pqmim_jax.training import default_config


@pytest.fixture(scope="session")
def photos(tmp_path_factory):
    """A folder of ten smooth coloured pictures of 48 x 56 pixels."""
    folder = tmp_path_factory.mktemp("photos")
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:48, :56][..., None] / 48
    for i in range(10):
        fx, fy, phase = rng.uniform(-1, 1, (3, 3)) * [[9], [9], [3]]
        waves = np.sin(fx * x + fy * y + phase) + 0.5 * np.sin(3 * fy * x - 2 * fx * y)
        Image.fromarray(np.uint8(127 + 80 * waves)).save(folder / f"{i}.png")
    return folder


@pytest.fixture(scope="session")
def make_config(photos):
    """Function without arguments: both stages with the smallest networks that use every part."""
    return lambda: _tiny_config(photos)


@pytest.fixture
def tiny_config(make_config):
    return make_config()


def _tiny_config(photos):
    config = default_config.get_config()
    config.data.update(source=f"folder:{photos}", cache_mb=8, num_threads=0, prefetch=0)
    config.autoencoder.update(f=8, num_codebooks=2, num_codewords=8, codeword_dim=4)
    config.autoencoder.update(
        encoder_width=8, encoder_depth=0, decoder_width=8, decoder_depth=0, heads=1
    )
    config.mim.update(width=8, depth=0, heads=1, head_width=8, embedding_dim=4)
    config.codec.update(window=2, halo=1, schedule="qlds(stages=2,alpha=2.2)")
    for section in (config.pqvae_training, config.mim_training):
        section.update(steps=4, batch_size=4, crop=32, initialise_images=8, warmup_steps=1)
    config.pqvae_training.kmeans_steps = 2
    config.log_every = 1
    config.checkpoints.every = 1000
    return config


@pytest.fixture(scope="session")
def lpips_file(tmp_path_factory):
    """AlexNet with random weights."""
    rng = np.random.default_rng(0)
    flat = {
        name: (rng.normal(size=shape) * 0.05).astype(np.float32)
        for name, shape in lpips_shapes("alexnet").items()
    }
    tree = {"trunk": {}, "heads": {}}
    for name, value in flat.items():
        room, _, rest = name.partition("/")
        layer, _, leaf = rest.partition("/")
        if leaf:
            tree[room].setdefault(layer, {})[leaf] = value
        else:
            tree[room][layer] = np.abs(value)
    path = tmp_path_factory.mktemp("lpips") / "alexnet.safetensors"
    save_lpips(tree, path)
    return path
