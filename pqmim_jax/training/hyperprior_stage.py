"""The baseline as a stage of a run: the mean-scale hyperprior, and its model folder."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from pqmim_jax import model_store
from pqmim_jax.hyperprior_store import save_hyperprior
from pqmim_jax.models.hyperprior import Hyperprior, build_hyperprior
from pqmim_jax.models.hyperprior.symbol_weights import (
    density_weights,
    gaussian_weights,
    hyper_symbols,
)
from pqmim_jax.models.hyperprior.transforms import HYPER_FACTOR
from pqmim_jax.training import initialise_hyperprior
from pqmim_jax.training.batches import first_images, stage_batches
from pqmim_jax.training.config import ConfigError
from pqmim_jax.training.hyperprior_step import build_hyperprior_eval, build_hyperprior_step
from pqmim_jax.training.loop import run_stage
from pqmim_jax.training.multihost import from_first_process
from pqmim_jax.training.optimizer import build_optimizer
from pqmim_jax.training.sharding import replicated
from pqmim_jax.training.stage import Stage, sizes_of
from pqmim_jax.training.state import TrainState


def train_hyperprior(config, workdir, mesh) -> TrainState:
    """Trains (or goes on training) in `workdir`/hyperprior, writes `workdir`/model."""
    stage = hyperprior_stage(config)
    batches = stage_batches(config, stage.name, mesh)
    directory = workdir / stage.name
    state = run_stage(stage, (), lambda: start_values(config), batches, config, mesh, directory)
    params = jax.jit(lambda tree: tree, out_shardings=replicated(mesh))(state.trained)
    if jax.process_index() == 0:
        params = jax.tree.map(np.asarray, params)
        lambdas = config.hyperprior_training.lambdas
        write_model(workdir / model_store.WORKDIR_FOLDER, config.hyperprior, lambdas, params)
    return state


def hyperprior_stage(config) -> Stage:
    """Functions and shapes of the stage; ValueError where the config makes no sense."""
    options = config.hyperprior_training
    model = build_hyperprior(config.hyperprior, remat=options.remat)
    side = HYPER_FACTOR * model.f
    if options.crop % side:
        raise ConfigError(
            f"hyperprior_training.crop {options.crop} is not a multiple of {side}, the pixels a "
            "side of one hyper-latent"
        )
    tx = build_optimizer(options)

    def init(key: jax.Array) -> TrainState:
        params = init_params(model, key)
        return TrainState(jnp.int32(0), params, tx.init(params), None)

    return Stage(
        name="hyperprior",
        **sizes_of(options),
        init=init,
        step_fn=build_hyperprior_step(model, tx, options),
        eval_fn=build_hyperprior_eval(model, options),
        constants=(),
        headline="cost",
        score="cost",
    )


def start_values(config) -> dict[str, Any]:
    """Parameters that come from data; host arrays, equal on all processes."""
    options = config.hyperprior_training
    if not options.initialise_images:
        return {}
    model = build_hyperprior(config.hyperprior)
    params = jax.jit(lambda key: init_params(model, key))(jax.random.key(config.seed))
    images = first_images(config, "hyperprior")
    params = initialise_hyperprior.initialise(model, params, images, options)
    return from_first_process({"params": jax.tree.map(np.asarray, params)})


def init_params(model: Hyperprior, key: jax.Array) -> dict:
    """Random parameters, float32."""
    side = HYPER_FACTOR * model.f
    image = jnp.zeros((1, side, side, 3))
    return model.init(key, image, jnp.zeros((1,), jnp.int32))["params"]


def write_model(path, section, lambdas, params: dict) -> None:
    """Writes a folder that `HyperpriorCodec` loads, with the weights of the coder's symbols."""
    model = build_hyperprior(section)

    @jax.jit
    def masses(params, symbols):
        values = jnp.broadcast_to(
            symbols[:, None], (model.num_rates, symbols.size, model.hyper_channels)
        )
        rates = jnp.arange(model.num_rates)
        return model.apply({"params": params}, values, rates, method="hyper_mass")

    mass = np.asarray(masses(params, hyper_symbols().astype(np.float32)))
    hyper = density_weights(np.swapaxes(mass, 1, 2).reshape(-1, mass.shape[1]))
    save_hyperprior(path, section.to_dict(), lambdas, params, gaussian_weights(), hyper)
