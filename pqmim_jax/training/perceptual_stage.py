"""Perceptual training of a trained model: LPIPS and a discriminator."""

from typing import Any

import jax
import jax.numpy as jnp

from pqmim_jax import model_store
from pqmim_jax.hyperprior_store import StoredHyperprior
from pqmim_jax.training import hyperprior_stage, perceptual_pqvae
from pqmim_jax.training.adversary import build_adversary
from pqmim_jax.training.batches import check_crop, stage_batches
from pqmim_jax.training.config import ConfigError
from pqmim_jax.training.freezing import split_params
from pqmim_jax.training.loop import run_stage
from pqmim_jax.training.lpips_term import lpips_constant_shapes, lpips_constants, lpips_term
from pqmim_jax.training.multihost import from_first_process
from pqmim_jax.training.optimizer import build_optimizer
from pqmim_jax.training.partition import gather
from pqmim_jax.training.perceptual_hyperprior import hyperprior_subject
from pqmim_jax.training.perceptual_pqvae import pqvae_subject
from pqmim_jax.training.perceptual_start import Start, find_start, with_sections_of
from pqmim_jax.training.perceptual_step import Players, build_perceptual_step
from pqmim_jax.training.stage import Stage, sizes_of
from pqmim_jax.training.state import TrainState


def train_perceptual(config, workdir, mesh) -> TrainState:
    """Trains (or goes on training) in `workdir`/perceptual.

    A hyperprior is written to `workdir`/model. So is a PQ-MIM whose codes stay what they are: its
    MIM still fits the new decoder.
    """
    start = find_start(config, workdir)
    config = with_sections_of(start, config)
    is_baseline = isinstance(start, StoredHyperprior)
    stage = perceptual_stage(config, baseline=is_baseline)
    lost = None if is_baseline else perceptual_pqvae.lost_mim(config, start)
    if lost and jax.process_index() == 0:
        print(f"{stage.name}: {lost}: train the mim stage next", flush=True)
    state = run_stage(
        stage,
        lpips_constants(config.perceptual_training),
        lambda: from_first_process(_start_values(config, start)),
        stage_batches(config, stage.name, mesh),
        config,
        mesh,
        workdir / stage.name,
    )
    params = gather(state.trained, mesh)
    if jax.process_index() == 0 and not lost:
        _write_model(workdir / model_store.WORKDIR_FOLDER, config, start, params)
    return state


def perceptual_stage(config, *, baseline: bool = False) -> Stage:
    """Functions and shapes of the stage; ValueError where the config makes no sense.

    Args:
      baseline: train the section `hyperprior` instead of `autoencoder`.
    """
    options = config.perceptual_training
    lpips_of = lpips_term(options)
    subject = (hyperprior_subject if baseline else pqvae_subject)(config, lpips_of)
    check_crop(options, subject.pixels_per_latent)
    players = Players(
        subject.generator_of,
        build_optimizer(options),
        lpips_of,
        build_adversary(options),
        subject.upkeep,
    )

    def init(key: jax.Array) -> TrainState:
        params = subject.init_params(key)
        opt_state = players.tx.init(split_params(params, options.frozen)[0])
        rival = None
        if players.adversary:
            side = options.crop // subject.pixels_per_latent
            image = jnp.zeros((1, options.crop, options.crop, 3))
            condition = jnp.zeros((1, side, side, subject.latent_channels))
            rival = players.adversary.init(jax.random.fold_in(key, 1), image, condition)
        return TrainState(jnp.int32(0), params, opt_state, subject.usage(params), rival)

    stage = Stage(
        name="perceptual",
        **sizes_of(options),
        init=init,
        step_fn=build_perceptual_step(players, options),
        eval_fn=subject.eval_fn,
        constants=lpips_constant_shapes(options),
        headline="lpips" if options.lpips_weight else "loss",
        score="lpips" if options.lpips_weight else "mse",
    )
    _check_last_layer(stage, options)
    return stage


def _start_values(config, start: Start) -> dict[str, Any]:
    if isinstance(start, StoredHyperprior):
        return {"params": start.params}
    return perceptual_pqvae.start_values(config, start)


def _write_model(path, config, start: Start, params: dict) -> None:
    if isinstance(start, StoredHyperprior):
        hyperprior_stage.write_model(path, config.hyperprior, start.lambdas, params)
    else:
        perceptual_pqvae.write_model(path, config, start, params)


def _check_last_layer(stage: Stage, options) -> None:
    """ConfigError where the frozen parameters or the layer of the adaptive weight do not exist."""
    trained, _ = split_params(stage.state_shapes().params, options.frozen)
    layer = trained
    for name in options.last_layer.split("/") if options.adaptive_weight else ():
        layer = layer.get(name) if isinstance(layer, dict) else None
    if layer is None or (options.adaptive_weight and isinstance(layer, dict)):
        raise ConfigError(
            f"perceptual_training.last_layer {options.last_layer!r} is no parameter that trains"
        )
