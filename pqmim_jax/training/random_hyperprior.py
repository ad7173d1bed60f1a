"""Hyperprior models with random weights, for tests and tools; see `random_model`."""

from pathlib import Path

import jax
import numpy as np
from ml_collections import ConfigDict

from pqmim_jax.models.hyperprior import build_hyperprior
from pqmim_jax.training import default_config
from pqmim_jax.training.hyperprior_stage import init_params, write_model


def tiny_hyperprior_config(backbone: str = "xcit") -> ConfigDict:
    """Two rates, f = 8, C = 6 latent channels, in a few milliseconds; `backbone` as configured."""
    config = default_config.get_config()
    config.hyperprior.update(f=8, backbone=backbone, linear_path=backbone == "xcit", heads=1)
    config.hyperprior.update(encoder_width=8, encoder_depth=1, decoder_width=8, decoder_depth=1)
    config.hyperprior.update(latent_channels=6, hyper_width=8, hyper_channels=4, num_rates=2)
    config.hyperprior_training.lambdas = (0.001, 0.01)
    return config


def save_random_hyperprior(folder: Path, config: ConfigDict, log_gain: float = 2.0) -> None:
    """Writes a model folder with random weights, always the same, for the network of `config`.

    Args:
      log_gain: logarithm of the gain of the last rate; the first one's is 1 less. Latents grow by
        it, and with a large one leave every alphabet.
    """
    model = build_hyperprior(config.hyperprior)
    params = jax.device_get(jax.jit(lambda key: init_params(model, key))(jax.random.key(0)))
    random = np.random.default_rng(0)
    # What starts at zero would hide mistakes.
    params = jax.tree.map(lambda a: a + 0.1 * random.normal(size=a.shape), params)
    rates = np.arange(model.num_rates)[:, None] - (model.num_rates - 1) + log_gain
    params["log_gain"] += rates
    params["log_inverse_gain"] -= rates
    params = jax.tree.map(lambda a: a.astype(np.float32), params)
    write_model(folder, config.hyperprior, config.hyperprior_training.lambdas, params)
