"""Stage 1 of a run: the PQ-VAE."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from pqmim_jax.data import flat_pictures
from pqmim_jax.model_store import load_model
from pqmim_jax.models import Autoencoder, build_autoencoder
from pqmim_jax.training import codebook_state, initialise_pqvae
from pqmim_jax.training.batches import check_crop, first_images, stage_batches
from pqmim_jax.training.loop import run_stage
from pqmim_jax.training.multihost import from_first_process
from pqmim_jax.training.optimizer import build_optimizer
from pqmim_jax.training.pqvae_step import build_pqvae_eval, build_pqvae_step
from pqmim_jax.training.stage import Stage, sizes_of
from pqmim_jax.training.state import TrainState
from pqmim_jax.training.warm_start import take_matching


def train_pqvae(config, workdir, mesh) -> TrainState:
    """Trains (or goes on training) in `workdir`/pqvae; returns the final state."""
    stage = pqvae_stage(config)
    batches = stage_batches(config, stage.name, mesh)
    directory = workdir / stage.name
    return run_stage(stage, (), lambda: start_values(config), batches, config, mesh, directory)


def pqvae_stage(config) -> Stage:
    """Functions and shapes of the stage; ValueError where the config makes no sense."""
    options = config.pqvae_training
    model = build_autoencoder(config.autoencoder, remat=options.remat)
    check_crop(options, model.f)
    tx = build_optimizer(options)

    def init(key: jax.Array) -> TrainState:
        params = init_params(model, key)
        return TrainState(jnp.int32(0), params, tx.init(params), _even_usage(params, config))

    return Stage(
        name="pqvae",
        **sizes_of(options),
        init=init,
        step_fn=build_pqvae_step(model, tx, options, config.codec.rate_weights),
        eval_fn=build_pqvae_eval(model),
        constants=(),
        headline="distortion",
        score="mse",
    )


def start_values(config) -> dict[str, Any]:
    """Fields of the first state that come from data or from another model; host arrays.

    Equal on all processes.
    """
    options = config.pqvae_training
    model = build_autoencoder(config.autoencoder)
    params = jax.jit(lambda key: init_params(model, key))(jax.random.key(config.seed))
    if options.start_from:
        params = take_matching(params, load_model(options.start_from).autoencoder)
    elif options.initialise_images:
        # Without them the start missed flat saturated colours by up to 87 levels, with them by 5
        # (240 crops of 64 pixels, M = 40).
        flats = flat_pictures(options.crop) if config.data.synthetic_share else None
        params = initialise_pqvae.initialise(
            model,
            params,
            first_images(config, "pqvae"),
            jax.random.key(config.seed + 1),
            options.kmeans_steps,
            rare=flats,
        )
    else:
        return {}
    values = {"params": params, "codebook": _even_usage(params, config)}
    return from_first_process(jax.tree.map(np.asarray, values))


def _even_usage(params: dict, config) -> codebook_state.CodebookState:
    """Codebook averages to start from: every codeword used equally often."""
    tokens = (config.pqvae_training.crop // config.autoencoder.f) ** 2
    vectors = config.pqvae_training.batch_size * tokens
    codebooks, by_quality = params["quantizer"]["codebooks"], config.codec.counts_by_quality
    return codebook_state.initial_state(codebooks, vectors, by_quality=by_quality)


def init_params(model: Autoencoder, key: jax.Array) -> dict:
    """Random parameters, float32."""
    side = 2 * model.f
    image = jnp.zeros((1, side, side, 3))
    return model.init(key, image, jnp.ones((1,), jnp.int32))["params"]
