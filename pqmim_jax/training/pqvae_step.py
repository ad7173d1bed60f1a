"""One optimiser step of stage 1, the PQ-VAE, and its measure on validation images."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import optax

from pqmim_jax.losses.distortion import PEAK, mse
from pqmim_jax.models.autoencoder import Autoencoder
from pqmim_jax.training import codebook_state, rate
from pqmim_jax.training.accumulate import accumulated_grad
from pqmim_jax.training.pqvae_loss import build_pqvae_loss, sample_quality, to_network
from pqmim_jax.training.state import TrainState


def build_pqvae_step(model: Autoencoder, tx: optax.GradientTransformation, config, rate_weights=()):
    """Returns step(state, batch, key) -> (state, metrics); `config` is `pqvae_training`.

    `rate_weights` are those of the codec, by quality; `config.rate_scale` says if they count.
    batch: {"image": uint8 (B, H, W, 3)}. Metrics are scalars, or (M,) for codebook health;
    losses in squared 8-bit units when the distortion is `mse`.
    """
    weights = rate.quality_weights(rate_weights, config.rate_scale, model.num_codebooks)
    balance = rate.balanced(weights, config.balance)
    loss_of_rows = build_pqvae_loss(model, config)

    def step(state: TrainState, batch, key) -> tuple[TrainState, dict[str, jax.Array]]:
        quality_key, revival_key = jax.random.split(jax.random.fold_in(key, state.step))
        size = batch["image"].shape[0]
        quality = sample_quality(quality_key, size, model.num_codebooks, config.full_quality_share)
        bits = codebook_state.static_bits(state.codebook)

        def loss_fn(params, part):
            quality, penalty = part["quality"], 0.0
            if weights is not None:
                penalty = rate.penalty(rate.bits_at(bits, quality), weights[quality - 1])
            image = to_network(part["image"])
            _, losses, rows = loss_of_rows(params, image, quality, penalty)
            losses = losses if balance is None else losses * balance[quality - 1]
            return jnp.sum(losses) / size, rows

        batch = {"image": batch["image"], "quality": quality}
        grads, rows = accumulated_grad(loss_fn, state.params, batch, config.accumulate_steps)
        updates, opt_state = tx.update(grads, state.opt_state, state.params)
        params = optax.apply_updates(state.params, updates)
        codebook, codebooks, health = codebook_state.update(
            state.codebook,
            params["quantizer"]["codebooks"],
            rows.pop("sub_vectors"),
            rows.pop("indices"),
            rows.pop("quality"),
            revival_key,
            decay=config.codebook_decay,
            ema=config.codebook_update == "ema",
            dead_below=config.dead_below,
        )
        params = {**params, "quantizer": {"codebooks": codebooks}}
        full = quality == model.num_codebooks
        full_mse = jnp.sum(jnp.where(full, rows.pop("mse"), 0)) / full.sum()
        means = {name: values.mean() for name, values in rows.items()}
        metrics = {**means, "mse_full": full_mse, "grad_norm": optax.tree.norm(grads), **health}
        return TrainState(state.step + 1, params, opt_state, codebook), metrics

    return step


def build_pqvae_eval(model: Autoencoder, lpips_of: Callable | None = None):
    """Returns evaluate(params, batch, *constants) -> {"mse", "psnr"}, each (B,), at full quality.

    With `lpips_of`, (*constants, a, b) -> (B,), also "lpips". Nearest codewords, no rounding to 8
    bits: cheap, and comparable between steps of a run.
    """

    def evaluate(params, batch, *constants) -> dict[str, jax.Array]:
        image = to_network(batch["image"])
        quality = jnp.full(image.shape[0], model.num_codebooks)
        reconstruction = model.apply({"params": params}, image, quality).reconstruction
        error = mse(reconstruction, image)
        scores = {"mse": error, "psnr": 10 * jnp.log10(PEAK**2 / jnp.maximum(error, 1e-9))}
        if lpips_of:
            scores["lpips"] = lpips_of(*constants, reconstruction, image)
        return scores

    return evaluate
