"""Models with random weights, for tests and tools: whatever they make of a picture is exact.

Nothing is trained; at most the codewords are taken from what the encoder makes of noise, so that
all of them are in use.
"""

from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict

from pqmim_jax import model_store
from pqmim_jax.models import build_autoencoder, build_mim
from pqmim_jax.models.quantizer import nearest_codewords
from pqmim_jax.training import default_config, integer_stage

_WINDOWS = 4  # that integers of the MIM are calibrated on


def tiny_config() -> ConfigDict:
    """A codec that runs in milliseconds: f = 16, M = 4 codebooks of 16 codewords, small windows."""
    config = default_config.get_config()
    config.autoencoder.update(
        encoder_width=32, encoder_depth=1, decoder_width=32, decoder_depth=1, heads=2
    )
    config.autoencoder.update(num_codebooks=4, num_codewords=16, codeword_dim=4)
    config.mim.update(width=32, depth=1, heads=2, head_width=16, embedding_dim=8, head="depth")
    config.codec.update(window=4, halo=1, schedule="qlds(stages=3,alpha=2.2)")
    return config


def tiny_pyramid_config() -> ConfigDict:
    """`tiny_config` with the other backbone; latents are refined once."""
    config = tiny_config()
    config.autoencoder.update(backbone="pyramid", encoder_width=8, decoder_width=8)
    config.codec.update(refinement_steps=1, curvature=100.0)
    return config


def save_random_model(folder: Path, config: ConfigDict) -> None:
    """Writes a model folder with random weights, always the same, for the networks of `config`.

    Raises:
      ValueError: noise does not use every codeword: take fewer.
    """
    autoencoder, mim, counts = _random_weights(config)
    sections = {name: config[name].to_dict() for name in ("autoencoder", "mim", "codec")}
    model_store.save_model(folder, sections, autoencoder, integers_of(sections, mim), counts, mim)


def save_noisy_model(folder: Path, config: ConfigDict) -> None:
    """Writes a model folder with noise in every weight, also where networks start at zero.

    NumPy draws it and nothing is compiled: it is the same with every release of JAX.
    """
    autoencoder, mim = (
        build_autoencoder(config.autoencoder),
        build_mim(config.mim, config.autoencoder),
    )
    m, k = config.autoencoder.num_codebooks, config.autoencoder.num_codewords
    image, quality = jnp.zeros((1, 96, 96, 3)), jnp.ones(1, jnp.int32)
    side = config.codec.window + 2 * config.codec.halo
    grid, rng = jnp.zeros((1, side, side, m), jnp.int32), np.random.default_rng(0)
    shapes = [
        jax.eval_shape(autoencoder.init, jax.random.key(0), image, quality),
        jax.eval_shape(mim.init, jax.random.key(0), grid, grid, quality),
    ]
    params, mim_params = (jax.tree.map(partial(_noise, rng), each["params"]) for each in shapes)
    sections = {name: config[name].to_dict() for name in ("autoencoder", "mim", "codec")}
    integers = integers_of(sections, mim_params)
    model_store.save_model(folder, sections, params, integers, np.ones((m, k), int), mim_params)


def _noise(rng: np.random.Generator, array: jax.ShapeDtypeStruct) -> np.ndarray:
    """Kernels that keep the size of what goes through them, and smaller vectors."""
    inputs = np.prod(array.shape[:-1]) if len(array.shape) > 1 else 16
    return (rng.normal(size=array.shape) / np.sqrt(inputs)).astype(np.float32)


def integers_of(sections: dict, mim: dict) -> dict:
    """The integers of a MIM, calibrated on windows of noise.

    Args:
      sections: of the model's config: "autoencoder", "mim", "codec".
      mim: parameters.
    """
    section, codec = sections["autoencoder"], sections["codec"]
    side = codec["window"] + 2 * codec["halo"]
    shape = (_WINDOWS, side, side, section["num_codebooks"])
    noise = np.random.default_rng(0).integers(0, section["num_codewords"], shape, np.int32)
    return integer_stage.convert(sections, mim, integer_stage.up_to_qualities(noise))


def _random_weights(config) -> tuple[dict, dict, np.ndarray]:
    """Parameters of both networks, and codeword counts (M, K)."""
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
        mim_params = mim.init(keys[2], grid, grid, jnp.ones(1, jnp.int32))["params"]
        if mim.knows_quality:
            embedding = jax.random.normal(jax.random.fold_in(keys[2], 1), (m, mim.width))
            mim_params["quality"]["embedding"] = embedding
        return params, codebooks, mim_params, nearest_codewords(latents, codebooks)

    params, codebooks, mim_params, indices = jax.device_get(draw(jax.random.key(0)))
    params["quantizer"]["codebooks"] = codebooks
    counts = np.stack([np.bincount(column, minlength=k) for column in indices.T])
    if (counts == 0).any():
        raise ValueError(f"noise does not use all of {k} codewords")
    return params, mim_params, counts
