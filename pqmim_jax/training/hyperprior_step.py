"""One optimiser step of the hyperprior baseline, and its measure on validation images."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import optax

from pqmim_jax.losses.distortion import PEAK, distortion, mse
from pqmim_jax.models.hyperprior import Hyperprior
from pqmim_jax.models.hyperprior.transforms import HYPER_FACTOR
from pqmim_jax.training.accumulate import accumulated_grad
from pqmim_jax.training.config import ConfigError
from pqmim_jax.training.generator import Generated, GeneratorFn
from pqmim_jax.training.pqvae_loss import to_network
from pqmim_jax.training.state import TrainState


def hyperprior_generator(model: Hyperprior, options, scales=None) -> GeneratorFn:
    """The hyperprior as a generator; `options` is the section `hyperprior_training`.

    Losses are bits a pixel + lambda x distortion, lambda that of the rate drawn for the example,
    times `scales` (num_rates,) of that rate where given.
    Rows: `distortion`, `mse` (8-bit units), `bpp`, `hyper_bpp` (estimated bits a pixel), each
    (B,) float32. The condition is the latents that the synthesis transform saw.

    Raises:
      ConfigError: not one lambda, or not one target, for each rate.
    """
    losses_of = _build_losses(model, options, scales)

    def generate(params, part, key) -> Generated:
        keys = jax.random.split(key, part["image"].shape[0])
        return losses_of(params, part["image"], jax.random.key_data(keys))

    return generate


def build_hyperprior_step(model: Hyperprior, tx: optax.GradientTransformation, options):
    """Returns step(state, batch, key) -> (state, metrics); `options` is `hyperprior_training`.

    batch: {"image": uint8 (B, H, W, 3)}. Metrics are scalars: the rows of `hyperprior_generator`,
    `cost` (what is minimised) and `grad_norm`.
    """
    losses_of = _build_losses(model, options)

    def step(state: TrainState, batch, key) -> tuple[TrainState, dict[str, jax.Array]]:
        size = batch["image"].shape[0]

        def loss_fn(params, part):
            out = losses_of(params, part["image"], part["key"])
            return jnp.sum(out.losses) / size, {**out.rows, "cost": out.losses}

        keys = jax.random.split(jax.random.fold_in(key, state.step), size)
        batch = {"image": batch["image"], "key": jax.random.key_data(keys)}
        grads, rows = accumulated_grad(loss_fn, state.params, batch, options.accumulate_steps)
        updates, opt_state = tx.update(grads, state.opt_state, state.params)
        params = optax.apply_updates(state.params, updates)
        means = {name: values.mean() for name, values in rows.items()}
        metrics = {**means, "grad_norm": optax.tree.norm(grads)}
        return TrainState(state.step + 1, params, opt_state, None), metrics

    return step


def build_hyperprior_eval(model: Hyperprior, options):
    """Returns evaluate(params, batch) -> {metric: (B,)}, latents rounded, no rounding to 8 bits.

    Metrics: `bpp_Q` (estimated) and `psnr_Q` of each quality Q = 1 .. num_rates, and `cost`, the
    mean over qualities of bits a pixel + lambda x distortion.
    """
    measure = distortion(options.distortion)
    lambdas = _per_rate("lambdas", options.lambdas, model.num_rates)

    def evaluate(params, batch) -> dict[str, jax.Array]:
        image = to_network(batch["image"])
        size, pixels = image.shape[0], image.shape[1] * image.shape[2]

        def at_rate(rate):
            out = model.apply({"params": params}, image, jnp.full(size, rate))
            cost = out.bits / pixels + lambdas[rate] * measure(out.reconstruction, image)
            return out.bits / pixels, mse(out.reconstruction, image), cost

        bpp, error, cost = jax.lax.map(at_rate, jnp.arange(model.num_rates))
        psnr = 10 * jnp.log10(PEAK**2 / jnp.maximum(error, 1e-9))
        each = {"bpp": bpp, "psnr": psnr}
        named = {f"{k}_{i + 1}": v[i] for k, v in each.items() for i in range(model.num_rates)}
        return {**named, "cost": cost.mean(0)}

    return evaluate


def _build_losses(model: Hyperprior, options, scales=None) -> Callable[..., Generated]:
    """(params, image (B, H, W, 3) uint8, key data (B, n) uint32, a key an example) -> Generated."""
    measure = distortion(options.distortion)
    lambdas = _per_rate("lambdas", options.lambdas, model.num_rates)
    targets = None
    if len(options.target_rates):
        targets = _per_rate("target_rates", options.target_rates, model.num_rates)

    def losses_of(params, image, keys) -> Generated:
        image = to_network(image)
        rate, noise = _draw(model, image.shape, keys)
        out = model.apply({"params": params}, image, rate, noise, options.rounded)
        pixels = image.shape[1] * image.shape[2]
        rows = {
            "distortion": measure(out.reconstruction, image),
            "mse": mse(out.reconstruction, image),
            "bpp": out.bits / pixels,
            "hyper_bpp": out.hyper_bits / pixels,
        }
        weight = 1.0
        if targets is not None:
            above = _mean_at_rate(rows["bpp"], rate, model.num_rates) > targets
            weight = jnp.where(above, 1.0, options.below_target)[rate]
        losses = weight * rows["bpp"] + lambdas[rate] * rows["distortion"]
        if scales is not None:
            losses *= scales[rate]
        return Generated(out.reconstruction, out.latents, losses, rows)

    return losses_of


def _draw(model: Hyperprior, shape: tuple[int, ...], keys: jax.Array) -> tuple[jax.Array, tuple]:
    """Rates (B,) and the noise of both latents, each example's from its own key.

    Where an example lies, in which part of a batch and on which device, then does not matter.
    """
    h, w = shape[1] // model.f, shape[2] // model.f
    latents = (h, w, model.latent_channels)
    hyper = (h // HYPER_FACTOR, w // HYPER_FACTOR, model.hyper_channels)

    def one(data):
        rate, *noise = jax.random.split(jax.random.wrap_key_data(data), 3)
        uniform = [
            jax.random.uniform(key, size, minval=-0.5, maxval=0.5)
            for key, size in zip(noise, (latents, hyper), strict=True)
        ]
        return jax.random.randint(rate, (), 0, model.num_rates), tuple(uniform)

    return jax.vmap(one)(keys)


def _mean_at_rate(values: jax.Array, rate: jax.Array, num_rates: int) -> jax.Array:
    """Mean of (B,) over the examples of each rate: (num_rates,), 0 where there are none."""
    member = jax.nn.one_hot(rate, num_rates)
    mean = (values @ member) / jnp.maximum(member.sum(0), 1)
    return jax.lax.stop_gradient(mean)


def _per_rate(name: str, values, num_rates: int) -> jax.Array:
    if len(values) != num_rates:
        raise ConfigError(
            f"hyperprior_training.{name} must hold {num_rates} values, one a rate, "
            f"not {len(values)}"
        )
    return jnp.asarray(values, jnp.float32)
