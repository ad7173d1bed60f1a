"""One optimiser step of stage 2: the MIM on a frozen autoencoder's indices."""

import jax
import jax.numpy as jnp
import optax

from pqmim_jax.masking import UNKNOWN
from pqmim_jax.masking.training import sample_mask
from pqmim_jax.models import Autoencoder, MaskedImageModel
from pqmim_jax.training.pqvae_step import to_network
from pqmim_jax.training.state import TrainState


def cross_entropy_bits(logits: jax.Array, indices: jax.Array) -> jax.Array:
    """-log2 softmax(logits)[index]; (..., K) float32 and (...) int32 -> (...) float32."""
    nats = optax.softmax_cross_entropy_with_integer_labels(logits, indices)
    return nats / jnp.log(2.0)


def build_mim_step(
    model: MaskedImageModel,
    autoencoder: Autoencoder,
    tx: optax.GradientTransformation,
    stage_map: jax.Array,
    config,
):
    """Returns step(state, batch, key, frozen) -> (state, metrics); `config` is `mim_training`.

    `frozen` are the autoencoder's parameters; batch: {"image": uint8 (B, crop, crop, 3)} with
    crop = f times the side of `stage_map`, (h, w, M). The loss is the mean cross-entropy of the
    masked indices, in bits.
    """
    mask_options = {
        name: config[name]
        for name in ("schedule_share", "known_power", "leading_share", "full_quality_share")
    }

    def loss_fn(params, indices, mask):
        visible = jnp.where(mask.visible, indices, UNKNOWN)
        bits = cross_entropy_bits(model.apply({"params": params}, visible, indices), indices)
        weight = mask.target.astype(jnp.float32)
        axes = (0, 1, 2)
        per_codebook = (bits * weight).sum(axes) / jnp.maximum(weight.sum(axes), 1)
        return (bits * weight).sum() / jnp.maximum(weight.sum(), 1), per_codebook

    def step(state: TrainState, batch, key, frozen) -> tuple[TrainState, dict[str, jax.Array]]:
        image = to_network(batch["image"])
        indices = autoencoder.apply({"params": frozen}, image, method="indices")
        mask_key = jax.random.fold_in(key, state.step)
        mask = sample_mask(mask_key, image.shape[0], stage_map, **mask_options)
        (loss, per_codebook), grads = jax.value_and_grad(loss_fn, has_aux=True)(
            state.params, indices, mask
        )
        updates, opt_state = tx.update(grads, state.opt_state, state.params)
        params = optax.apply_updates(state.params, updates)
        metrics = {
            "bits_per_index": loss,
            "bits_per_codebook": per_codebook,
            "grad_norm": optax.global_norm(grads),
        }
        return TrainState(state.step + 1, params, opt_state, None), metrics

    return step
