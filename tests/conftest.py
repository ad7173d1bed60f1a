"""A tiny model with random weights: whatever it makes of a picture, it must make it exactly."""

import os
import shutil

import numpy as np
import pytest


@pytest.fixture(scope="session", autouse=True)
def compilation_cache(tmp_path_factory):
    """Compiled programs are shared by the session's processes, and by nothing else."""
    os.environ["PQMIM_CACHE_DIR"] = str(tmp_path_factory.mktemp("compiled"))


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory):
    """Folder of a model with M = 4 codebooks of 16 codewords, f = 16, all codewords in use."""
    from pqmim_jax import model_store
    from pqmim_jax.training import default_config

    config = default_config.get_config()
    config.autoencoder.update(
        encoder_width=32, encoder_depth=1, decoder_width=32, decoder_depth=1, heads=2
    )
    config.autoencoder.update(num_codebooks=4, num_codewords=16, codeword_dim=4)
    config.mim.update(width=32, depth=1, heads=2, head_width=16, embedding_dim=8, head="depth")
    config.codec.update(window=4, halo=1, schedule="qlds(stages=3,alpha=2.2)")
    autoencoder, mim, counts = _random_weights(config)
    folder = tmp_path_factory.mktemp("tiny")
    sections = {name: config[name].to_dict() for name in ("autoencoder", "mim", "codec")}
    model_store.save_model(folder, sections, autoencoder, mim, counts)
    return folder


@pytest.fixture(scope="session")
def other_model(tiny_model, tmp_path_factory):
    """Folder of a model like `tiny_model` but for one weight."""
    from safetensors.numpy import load_file, save_file

    folder = tmp_path_factory.mktemp("other")
    shutil.copytree(tiny_model, folder, dirs_exist_ok=True)
    tensors = load_file(folder / "weights.safetensors")
    tensors["mim/head/output_bias"][0, 0] += 1
    save_file(tensors, folder / "weights.safetensors")
    return folder


@pytest.fixture(scope="session")
def codec(tiny_model):
    """`tiny_model` loaded."""
    from pqmim_jax import Codec

    return Codec.load(tiny_model)


def _random_weights(config):
    """Parameters of both networks, and codeword counts (M, K), for a config."""
    import jax
    import jax.numpy as jnp

    from pqmim_jax.models import build_autoencoder, build_mim
    from pqmim_jax.models.quantizer import nearest_codewords

    autoencoder = build_autoencoder(config.autoencoder)
    mim = build_mim(config.mim, config.autoencoder)
    m, k = config.autoencoder.num_codebooks, config.autoencoder.num_codewords
    d = config.autoencoder.codeword_dim
    side = config.codec.window + 2 * config.codec.halo

    @jax.jit  # step by step, each operation would be compiled by itself
    def draw(key):
        keys = jax.random.split(key, 3)
        images = jax.random.uniform(keys[0], (2, 96, 96, 3)) - 0.5
        params = autoencoder.init(keys[1], images[:1], jnp.ones((1,), jnp.int32))["params"]
        latents = autoencoder.apply({"params": params}, images, method="encode").reshape(-1, m, d)
        codebooks = jnp.swapaxes(latents[:: len(latents) // k][:k], 0, 1)
        grid = jnp.zeros((1, side, side, m), jnp.int32)
        mim_params = mim.init(keys[2], grid, grid)["params"]
        return params, codebooks, mim_params, nearest_codewords(latents, codebooks)

    params, codebooks, mim_params, indices = jax.device_get(draw(jax.random.key(0)))
    params["quantizer"]["codebooks"] = codebooks
    counts = np.stack([np.bincount(column, minlength=k) for column in indices.T])
    assert (counts > 0).all(), "every codeword must be in use"
    return params, mim_params, counts
