"""One optimiser step of stage 2, the MIM on a frozen autoencoder's indices, and its measure."""

import jax
import jax.numpy as jnp
import numpy as np
import optax

from pqmim_jax.masking import UNKNOWN
from pqmim_jax.masking.training import TrainingMask, sample_mask
from pqmim_jax.models import Autoencoder, MaskedImageModel
from pqmim_jax.training import rate
from pqmim_jax.training.accumulate import accumulated_grad
from pqmim_jax.training.optimizer import share_done
from pqmim_jax.training.pqvae_loss import to_network
from pqmim_jax.training.state import TrainState

_MASK_OPTIONS = ("mask", "schedule_share", "leading_share", "full_quality_share")


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
    rate_weights: jax.Array | None = None,
):
    """Returns step(state, batch, key, frozen, static_bits) -> (state, metrics).

    `config` is `mim_training`; `frozen` are the autoencoder's parameters; `static_bits`, (M, K) or
    by quality (M, M, K), are codewords' prices by frequency; batch: {"image": uint8 (B, crop,
    crop, 3)} with crop = f times the side of `stage_map`, (h, w, M). The loss is the mean
    cross-entropy of the masked indices, in bits.

    With `rate_weights` (lambda of qualities 1..M) visible indices are chosen by distance +
    lambda x `static_bits`, masked ones by the model's own bits, as the codec's encoder does; in
    the first `config.static_share` of the training they too are chosen by `static_bits`.
    """
    bits_of_rows = _build_bits(model, rate_weights is not None)

    def bits_of_part(params, part, frozen, static_bits) -> jax.Array:
        image = to_network(part["image"])
        distances = autoencoder.apply({"params": frozen}, image, method="distances")
        mask, choice = part["mask"], (part["weights"], part["own"])
        return bits_of_rows(params, distances, mask, mask.quality, choice, static_bits)

    return _build_step(bits_of_part, tx, stage_map, config, rate_weights)


def build_code_step(
    model: MaskedImageModel, tx: optax.GradientTransformation, stage_map: jax.Array, config
):
    """`build_mim_step` for pictures that were encoded before: step(state, batch, key).

    batch: {"indices": int32 (B, h, w, M)}.
    """

    def bits_of_part(params, part) -> jax.Array:
        indices, mask = part["indices"], part["mask"]
        visible = jnp.where(mask.visible, indices, UNKNOWN)
        logits = model.apply({"params": params}, visible, indices, mask.quality)
        return jnp.sum(cross_entropy_bits(logits, indices) * mask.target, axis=(1, 2))

    return _build_step(bits_of_part, tx, stage_map, config, None)


def _build_step(bits_of_part, tx, stage_map, config, rate_weights):
    """step(state, batch, key, *constants); bits_of_part(params, part, *constants) -> (B, M)."""

    def step(state: TrainState, batch, key, *constants):
        mask_key, weight_key = jax.random.split(jax.random.fold_in(key, state.step))
        size = len(next(iter(batch.values())))
        options = {name: config[name] for name in _MASK_OPTIONS}
        mask = sample_mask(mask_key, size, stage_map, **options)
        weights = _row_weights(weight_key, mask, rate_weights, config.nearest_share)
        targets = jnp.maximum(mask.target.sum(), 1).astype(jnp.float32)

        def loss_fn(params, part):
            bits = bits_of_part(params, part, *constants)
            return bits.sum() / targets, bits

        # Untrained, the model asks for what is frequent, gets it, and stops looking at its context.
        own = jnp.full((size,), share_done(state, config.steps) >= config.static_share)
        parts = {**batch, "mask": mask, "weights": weights, "own": own}
        grads, bits = accumulated_grad(loss_fn, state.params, parts, config.accumulate_steps)
        updates, opt_state = tx.update(grads, state.opt_state, state.params)
        params = optax.apply_updates(state.params, updates)
        targets_each = jnp.maximum(mask.target.sum((0, 1, 2)), 1)
        metrics = {
            "bits_per_index": bits.sum() / targets,
            "bits_per_codebook": bits.sum(0) / targets_each,
            "grad_norm": optax.tree.norm(grads),
        }
        return TrainState(state.step + 1, params, opt_state, None), metrics

    return step


def _build_bits(model: MaskedImageModel, rate_aware: bool):
    """(params, distances (B, h, w, M, K), mask, quality, choice, static_bits) -> bits (B, M).

    Prices are those of the quality (B,), which the MIM is told. `choice` is lambda (B,) and whether
    the model's own bits choose the masked indices, bool (B,).
    """

    def bits_of_rows(params, distances, mask: TrainingMask, quality, choice, static_bits):
        weights, own = choice
        prices = rate.penalty(rate.bits_at(static_bits, quality), weights)
        indices = jnp.argmin(distances + prices, axis=-1)
        visible = jnp.where(mask.visible, indices, UNKNOWN)
        logits = model.apply({"params": params}, visible, indices, quality)
        if rate_aware:
            own_bits = jax.lax.stop_gradient(-jax.nn.log_softmax(logits) / jnp.log(2.0))
            own_choice = jnp.argmin(distances + rate.penalty(own_bits, weights), axis=-1)
            indices = jnp.where(own[:, None, None, None], own_choice, indices)
        return jnp.sum(cross_entropy_bits(logits, indices) * mask.target, axis=(1, 2))

    return bits_of_rows


def _row_weights(key, mask: TrainingMask, rate_weights, nearest_share: float) -> jax.Array:
    """(B,) lambda: that of the example's quality, or 0 for nearest codewords."""
    batch = mask.target.shape[0]
    if rate_weights is None:
        return jnp.zeros((batch,))
    nearest = jax.random.bernoulli(key, nearest_share, (batch,))
    return jnp.where(nearest, 0.0, rate_weights[mask.quality - 1])


def build_mim_eval(model: MaskedImageModel, autoencoder: Autoencoder, stage_map: jax.Array):
    """Returns evaluate(params, batch, frozen, static_bits) -> {"bits_per_pixel": (B,)}.

    The ideal code length of the nearest codewords, all M sub-quantizers, coded in the stages of
    `stage_map` (h, w, M) by a MIM that is told so.
    """
    bits_of_rows = _build_bits(model, rate_aware=False)
    stages = np.arange(np.max(stage_map) + 1)

    def evaluate(params, batch, frozen, static_bits) -> dict[str, jax.Array]:
        size, height, width, _ = batch["image"].shape
        grid = (size, *stage_map.shape)
        image = to_network(batch["image"])
        distances = autoencoder.apply({"params": frozen}, image, method="distances")
        nearest = (jnp.zeros((size,)), jnp.zeros((size,), bool))
        quality = jnp.full((size,), stage_map.shape[-1])

        def add_stage(total, stage):
            known, coded = stage_map < stage, stage_map == stage
            mask = TrainingMask(jnp.broadcast_to(known, grid), jnp.broadcast_to(coded, grid))
            bits = bits_of_rows(params, distances, mask, quality, nearest, static_bits)
            return total + bits.sum(-1), None

        total, _ = jax.lax.scan(add_stage, jnp.zeros((size,)), stages)
        return {"bits_per_pixel": total / (height * width)}

    return evaluate
