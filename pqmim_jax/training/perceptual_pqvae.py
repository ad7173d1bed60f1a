"""A PQ-VAE as the subject of perceptual training, and what becomes of its MIM."""

from typing import Any

import jax
import numpy as np

from pqmim_jax import model_store
from pqmim_jax.models import build_autoencoder
from pqmim_jax.models.autoencoder import ENCODING
from pqmim_jax.models.post_filter import narrowed
from pqmim_jax.training import codebook_state, pqvae_stage, rate
from pqmim_jax.training.freezing import split_params
from pqmim_jax.training.generator import pqvae_generator
from pqmim_jax.training.perceptual_subject import Subject
from pqmim_jax.training.pqvae_step import build_pqvae_eval
from pqmim_jax.training.state import TrainState
from pqmim_jax.training.trained_autoencoder import TrainedAutoencoder
from pqmim_jax.training.warm_start import take_matching


def pqvae_subject(config, lpips_of=None) -> Subject:
    """Subject of the section `autoencoder`; `lpips_of` as in `perceptual_step.Players`."""
    options = config.perceptual_training
    model = build_autoencoder(config.autoencoder, remat=options.remat)
    weights = rate.quality_weights(
        config.codec.rate_weights, options.rate_scale, model.num_codebooks
    )

    def generator_of(state: TrainState):
        bits = codebook_state.static_bits(state.codebook)
        return pqvae_generator(model, options, bits, weights)

    return Subject(
        pixels_per_latent=model.f,
        latent_channels=model.num_codebooks * model.codeword_dim,
        init_params=lambda key: pqvae_stage.init_params(model, key),
        generator_of=generator_of,
        eval_fn=build_pqvae_eval(model, lpips_of),
        usage=lambda params: _usage(params, config),
        upkeep=_codebook_upkeep(options),
    )


def start_values(config, start: TrainedAutoencoder) -> dict[str, Any]:
    """Parameters and codeword usage of the first state, host arrays."""
    counts = None if start.model is None else start.model.counts
    model = build_autoencoder(config.autoencoder)
    params = jax.jit(lambda key: pqvae_stage.init_params(model, key))(jax.random.key(config.seed))
    width = config.perceptual_training.post_filter_width
    trained = dict(start.params)
    if width and "post_filter" in trained:
        trained["post_filter"] = narrowed(trained["post_filter"], width)
    params = take_matching(params, trained)  # a post-filter that is added starts anew
    values = {"params": params, "codebook": _usage(params, config, counts)}
    return jax.tree.map(np.asarray, values)


def lost_mim(config, start: TrainedAutoencoder) -> str | None:
    """Why the trained model will have no MIM that fits; None where it keeps the start's."""
    if start.model is None:
        return "the start has no MIM"
    trained, _ = split_params(start.params, config.perceptual_training.frozen)
    if set(trained) & set(ENCODING):
        return "encoder or codebooks train too, so the start's MIM will not fit the new codes"
    return None


def write_model(path, config, start: TrainedAutoencoder, params: dict) -> None:
    """The start's model with another decoder: codes, and with them the MIM, are the same."""
    old = start.model
    sections = {**old.config, "autoencoder": config.autoencoder.to_dict()}
    try:
        trained = model_store.load_float_mim(config.perceptual_training.start_from)
    except model_store.ModelError:
        trained = None
    model_store.save_model(path, sections, params, old.mim, old.counts, trained)


def _codebook_upkeep(options):
    """Codebooks move as in the pqvae stage, unless they are frozen; usage is counted always."""

    def upkeep(state: TrainState, params, rows, key):
        trains = "quantizer" in split_params(params, options.frozen)[0]
        codebook, codebooks, health = codebook_state.update(
            state.codebook,
            params["quantizer"]["codebooks"],
            rows.pop("sub_vectors"),
            rows.pop("indices"),
            rows.pop("quality"),
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
    by_quality = config.codec.get("counts_by_quality", False)  # of a model of before there was one
    codebooks = params["quantizer"]["codebooks"]
    return codebook_state.initial_state(codebooks, vectors, counts, by_quality=by_quality)
