"""Stage 1 of a run: the PQ-VAE."""

from pathlib import Path

import jax
import jax.numpy as jnp
from jax.sharding import Mesh

from pqmim_jax.models import Autoencoder, build_autoencoder
from pqmim_jax.training import codebook_state, initialise_pqvae
from pqmim_jax.training.batches import check_crop, first_images, stage_batches, write_config
from pqmim_jax.training.loop import Stage, run_stage
from pqmim_jax.training.optimizer import build_optimizer
from pqmim_jax.training.pqvae_step import build_pqvae_step
from pqmim_jax.training.state import TrainState


def train_pqvae(config, workdir: Path, mesh: Mesh) -> TrainState:
    """Trains (or goes on training) in `workdir`/pqvae; returns the final state."""
    options = config.pqvae_training
    model = build_autoencoder(config.autoencoder)
    check_crop(options, model.f)
    tx = build_optimizer(options)
    write_config(config, workdir / "pqvae")

    def random_state(key: jax.Array) -> TrainState:
        params = init_params(model, key)
        vectors = options.batch_size * (options.crop // model.f) ** 2
        codebook = codebook_state.initial_state(params["quantizer"]["codebooks"], vectors)
        return TrainState(jnp.int32(0), params, tx.init(params), codebook)

    def initial() -> TrainState:
        state = jax.jit(random_state)(jax.random.key(config.seed))
        if not options.initialise_images:
            return state
        key = jax.random.key(config.seed + 1)
        params = initialise_pqvae.initialise(
            model, state.params, first_images(config, "pqvae"), key, options.kmeans_steps
        )
        uniform = state.codebook.counts
        codebook = state.codebook.replace(
            sums=params["quantizer"]["codebooks"] * uniform[..., None]
        )
        return state.replace(params=params, codebook=codebook)

    step_fn = build_pqvae_step(model, tx, options)
    stage = Stage("pqvae", options.steps, options.batch_size, step_fn, (), "distortion")
    shapes = jax.eval_shape(random_state, jax.random.key(0))
    batches = stage_batches(config, "pqvae", mesh)
    return run_stage(stage, shapes, initial, batches, config, mesh, workdir / "pqvae")


def init_params(model: Autoencoder, key: jax.Array) -> dict:
    """Random parameters, float32."""
    side = 2 * model.f
    image = jnp.zeros((1, side, side, 3))
    return model.init(key, image, jnp.ones((1,), jnp.int32))["params"]
