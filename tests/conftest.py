"""A tiny model with random weights: whatever it makes of a picture, it must make it exactly."""

import os

import numpy as np
import pytest


@pytest.fixture(scope="session", autouse=True)
def compilation_cache(tmp_path_factory):
    """Compiled programs are shared by the session's processes, and by nothing else."""
    os.environ["PQMIM_CACHE_DIR"] = str(tmp_path_factory.mktemp("compiled"))


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory):
    """Folder of a model with M = 4 codebooks of 16 codewords, f = 16, all codewords in use."""
    return _save_model(tmp_path_factory.mktemp("tiny"), seed=0)


@pytest.fixture(scope="session")
def other_model(tmp_path_factory):
    """Like `tiny_model`, with other weights."""
    return _save_model(tmp_path_factory.mktemp("other"), seed=1)


def _save_model(folder, seed):
    import jax
    import jax.numpy as jnp

    from pqmim_jax import model_store
    from pqmim_jax.models import build_autoencoder, build_mim
    from pqmim_jax.training import default_config

    config = default_config.get_config()
    config.autoencoder.update(
        encoder_width=32, encoder_depth=1, decoder_width=32, decoder_depth=1, heads=2
    )
    config.autoencoder.update(num_codebooks=4, num_codewords=16, codeword_dim=4)
    config.mim.update(width=32, depth=1, heads=2, head_width=16, embedding_dim=8, head="depth")
    config.codec.update(window=4, halo=1, schedule="qlds(stages=3,alpha=2.2)")

    keys = jax.random.split(jax.random.key(seed), 3)
    images = jax.random.uniform(keys[0], (2, 96, 96, 3)) - 0.5
    autoencoder = build_autoencoder(config.autoencoder)
    params = jax.jit(autoencoder.init)(keys[1], images[:1], jnp.ones((1,), jnp.int32))["params"]
    latents = autoencoder.apply({"params": params}, images, method="encode").reshape(-1, 4, 4)
    params["quantizer"]["codebooks"] = jnp.swapaxes(latents[:: len(latents) // 16][:16], 0, 1)
    indices = autoencoder.apply({"params": params}, images, method="indices").reshape(-1, 4)
    counts = np.stack([np.bincount(column, minlength=16) for column in np.asarray(indices).T])
    assert (counts > 0).all(), "every codeword must be in use"

    mim = build_mim(config.mim, config.autoencoder)
    grid = jnp.zeros((1, 6, 6, 4), jnp.int32)
    mim_params = jax.jit(mim.init)(keys[2], grid, grid)["params"]
    sections = {name: config[name].to_dict() for name in ("autoencoder", "mim", "codec")}
    model_store.save_model(folder, sections, params, mim_params, counts)
    return folder
