"""One optimiser step of stage 1, the PQ-VAE."""

import jax
import jax.numpy as jnp
import optax

from pqmim_jax.losses.codebook import codebook_loss, commitment_loss
from pqmim_jax.losses.distortion import distortion, mse
from pqmim_jax.models.autoencoder import Autoencoder, AutoencoderOutput
from pqmim_jax.training import codebook_state
from pqmim_jax.training.state import TrainState

CODEBOOK_UPDATES = ("ema", "gradient")


def to_network(image: jax.Array) -> jax.Array:
    """uint8 samples -> float32 in [-0.5, 0.5]."""
    return image.astype(jnp.float32) / 255.0 - 0.5


def sample_quality(key: jax.Array, batch: int, m: int, full_share: float) -> jax.Array:
    """Nested dropout: all M sub-quantizers with probability `full_share`, else uniform 1..M."""
    keep_all, draw = jax.random.split(key)
    random = jax.random.randint(draw, (batch,), 1, m + 1)
    return jnp.where(jax.random.bernoulli(keep_all, full_share, (batch,)), m, random)


def build_pqvae_step(model: Autoencoder, tx: optax.GradientTransformation, config):
    """Returns step(state, batch, key) -> (state, metrics); `config` is `pqvae_training`.

    batch: {"image": uint8 (B, H, W, 3)}. Metrics are scalars, or (M,) for codebook health;
    losses in squared 8-bit units when the distortion is `mse`.
    """
    if config.codebook_update not in CODEBOOK_UPDATES:
        raise ValueError(
            f"unknown codebook_update {config.codebook_update!r}; "
            f"choices: {', '.join(CODEBOOK_UPDATES)}"
        )
    measure = distortion(config.distortion)
    samples = 3 * model.f**2

    def loss_fn(params, image, quality):
        out: AutoencoderOutput = model.apply({"params": params}, image, quality)
        terms = {
            "distortion": jnp.mean(measure(out.reconstruction, image)),
            "commitment": commitment_loss(out.sub_vectors, out.codewords, samples),
        }
        loss = config.distortion_weight * terms["distortion"]
        loss += config.commitment_weight * terms["commitment"]
        if config.codebook_update == "gradient":
            loss += codebook_loss(out.sub_vectors, out.codewords, samples)
        return loss, (out, terms)

    def step(state: TrainState, batch, key) -> tuple[TrainState, dict[str, jax.Array]]:
        quality_key, revival_key = jax.random.split(jax.random.fold_in(key, state.step))
        image = to_network(batch["image"])
        quality = sample_quality(
            quality_key, image.shape[0], model.num_codebooks, config.full_quality_share
        )
        grads, (out, terms) = jax.grad(loss_fn, has_aux=True)(state.params, image, quality)
        updates, opt_state = tx.update(grads, state.opt_state, state.params)
        params = optax.apply_updates(state.params, updates)
        codebook, codebooks, health = codebook_state.update(
            state.codebook,
            params["quantizer"]["codebooks"],
            out.sub_vectors,
            out.indices,
            revival_key,
            decay=config.codebook_decay,
            ema=config.codebook_update == "ema",
            dead_below=config.dead_below,
        )
        params = {**params, "quantizer": {"codebooks": codebooks}}
        full = quality == model.num_codebooks
        errors = mse(out.reconstruction, image)
        full_mse = jnp.sum(jnp.where(full, errors, 0)) / jnp.maximum(full.sum(), 1)
        metrics = {**terms, "mse_full": full_mse, "grad_norm": optax.global_norm(grads), **health}
        return TrainState(state.step + 1, params, opt_state, codebook), metrics

    return step
