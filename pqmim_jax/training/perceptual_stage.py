"""Perceptual training of a trained autoencoder: LPIPS and a discriminator."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax.traverse_util import unflatten_dict
from ml_collections import ConfigDict

from pqmim_jax import model_store
from pqmim_jax.losses.lpips import load_lpips, lpips
from pqmim_jax.losses.lpips_weights import lpips_shapes
from pqmim_jax.models import Autoencoder, build_autoencoder
from pqmim_jax.models.autoencoder import ENCODING
from pqmim_jax.training import codebook_state, pqvae_stage, rate, trained_autoencoder
from pqmim_jax.training.adversary import build_adversary
from pqmim_jax.training.batches import check_crop, stage_batches
from pqmim_jax.training.config import ConfigError
from pqmim_jax.training.freezing import split_params
from pqmim_jax.training.generator import pqvae_generator
from pqmim_jax.training.loop import run_stage
from pqmim_jax.training.multihost import from_first_process
from pqmim_jax.training.optimizer import build_optimizer
from pqmim_jax.training.partition import gather
from pqmim_jax.training.perceptual_step import Players, build_perceptual_step
from pqmim_jax.training.pqvae_step import build_pqvae_eval
from pqmim_jax.training.stage import Stage, sizes_of
from pqmim_jax.training.state import TrainState
from pqmim_jax.training.trained_autoencoder import TrainedAutoencoder


def train_perceptual(config, workdir, mesh) -> TrainState:
    """Trains (or goes on training) in `workdir`/perceptual.

    Where the codes stay what they are and the start is a whole model, its MIM still fits: the
    model with the new decoder is then written to `workdir`/model.
    """
    start = _start(config, workdir)
    config = _with_sections_of(start, config)
    stage = perceptual_stage(config)
    kept = start.model is not None and keeps_codes(start.params, config.perceptual_training)
    if not kept and jax.process_index() == 0:
        print(f"{stage.name}: {_why_no_mim(start)}: train the mim stage next", flush=True)
    batches = stage_batches(config, stage.name, mesh)
    state = run_stage(
        stage,
        _constants(config.perceptual_training),
        lambda: start_values(config, start),
        batches,
        config,
        mesh,
        workdir / stage.name,
    )
    params = gather(state.params, mesh)
    if kept and jax.process_index() == 0:
        folder = workdir / model_store.WORKDIR_FOLDER
        old = start.model
        model_store.save_model(folder, old.config, params, old.mim, old.counts)
    return state


def perceptual_stage(config) -> Stage:
    """Functions and shapes of the stage; ValueError where the config makes no sense."""
    options = config.perceptual_training
    model = build_autoencoder(config.autoencoder, remat=options.remat)
    check_crop(options, model.f)
    players = _players(model, config)

    def init(key: jax.Array) -> TrainState:
        params = pqvae_stage.init_params(model, key)
        opt_state = players.tx.init(split_params(params, options.frozen)[0])
        rival = None
        if players.adversary:
            latent = model.num_codebooks * model.codeword_dim
            side = options.crop // model.f
            image = jnp.zeros((1, options.crop, options.crop, 3))
            condition = jnp.zeros((1, side, side, latent))
            rival = players.adversary.init(jax.random.fold_in(key, 1), image, condition)
        return TrainState(jnp.int32(0), params, opt_state, _usage(params, config), rival)

    stage = Stage(
        name="perceptual",
        **sizes_of(options),
        init=init,
        step_fn=build_perceptual_step(players, options),
        eval_fn=build_pqvae_eval(model, players.lpips_of),
        constants=_constant_shapes(options),
        headline="lpips" if options.lpips_weight else "loss",
        score="lpips" if options.lpips_weight else "mse",
    )
    _check_last_layer(stage, options)
    return stage


def start_values(config, start: TrainedAutoencoder) -> dict[str, Any]:
    """Parameters and codeword usage of the first state; host arrays, equal on all processes."""
    counts = None if start.model is None else start.model.counts
    values = {"params": start.params, "codebook": _usage(start.params, config, counts)}
    return from_first_process(jax.tree.map(np.asarray, values))


def keeps_codes(params: dict, options) -> bool:
    """Whether images keep their codes: nothing that decides about them trains."""
    trained, _ = split_params(params, options.frozen)
    return not set(trained) & set(ENCODING)


def _players(model: Autoencoder, config) -> Players:
    options = config.perceptual_training
    weights = rate.quality_weights(
        config.codec.rate_weights, options.rate_scale, model.num_codebooks
    )

    def generator_of(state: TrainState):
        bits = rate.static_bits(state.codebook.counts)
        return pqvae_generator(model, options, bits, weights)

    def lpips_of(params, a, b):
        return lpips(params, a, b, trunk=options.lpips_trunk)

    return Players(
        generator_of,
        build_optimizer(options),
        lpips_of if options.lpips_weight else None,
        build_adversary(options),
        _codebook_upkeep(options),
    )


def _codebook_upkeep(options):
    """Codebooks move as in the pqvae stage, unless they are frozen; usage is counted always."""

    def upkeep(state: TrainState, params, rows, key):
        trains = "quantizer" in split_params(params, options.frozen)[0]
        codebook, codebooks, health = codebook_state.update(
            state.codebook,
            params["quantizer"]["codebooks"],
            rows.pop("sub_vectors"),
            rows.pop("indices"),
            key,
            decay=options.codebook_decay,
            ema=trains and options.codebook_update == "ema",
            dead_below=options.dead_below if trains else 0.0,
        )
        return {**params, "quantizer": {"codebooks": codebooks}}, codebook, health

    return upkeep


def _usage(params: dict, config, counts=None) -> codebook_state.CodebookState:
    options = config.perceptual_training
    vectors = options.batch_size * (options.crop // config.autoencoder.f) ** 2
    return codebook_state.initial_state(params["quantizer"]["codebooks"], vectors, counts)


def _constants(options) -> tuple:
    if not options.lpips_weight:
        return ()
    return (load_lpips(options.lpips_trunk, options.lpips_file or None),)


def _constant_shapes(options) -> tuple:
    if not options.lpips_weight:
        return ()
    shapes = lpips_shapes(options.lpips_trunk)
    structs = {name: jax.ShapeDtypeStruct(shape, np.float32) for name, shape in shapes.items()}
    return (unflatten_dict(structs, sep="/"),)


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


def _start(config, workdir) -> TrainedAutoencoder:
    source = config.perceptual_training.start_from
    if source and model_store.holds_model(source):
        return trained_autoencoder.of_model(source)
    found = trained_autoencoder.of_workdir(source or workdir, ("pqvae",))
    return found or trained_autoencoder.of_model(source or workdir)


def _with_sections_of(start: TrainedAutoencoder, config) -> ConfigDict:
    """The config with the networks, and of a whole model the codec settings, that are there."""
    config = ConfigDict(config.to_dict())
    sections = start.model.config if start.model else {"autoencoder": start.section}
    for name, section in sections.items():
        config[name] = ConfigDict(section)
    return config


def _why_no_mim(start: TrainedAutoencoder) -> str:
    if start.model is None:
        return "the start has no MIM"
    return "encoder or codebooks train too, so the start's MIM will not fit the new codes"
