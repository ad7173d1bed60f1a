"""The hyperprior as the subject of perceptual training: the HiFiC-style baseline.

Mentzer et al. 2020: the same autoencoder, LPIPS and a discriminator conditioned on the latents,
and bits held at a target. Their weights are those of the other terms; the price of a bit is each
rate's own, as its first training had it.
"""

import jax
import jax.numpy as jnp

from pqmim_jax.losses.distortion import PEAK, mse
from pqmim_jax.models.hyperprior import build_hyperprior
from pqmim_jax.training import hyperprior_stage
from pqmim_jax.training.hyperprior_step import hyperprior_generator
from pqmim_jax.training.perceptual_subject import Subject
from pqmim_jax.training.pqvae_loss import to_network


def hyperprior_subject(config, lpips_of=None) -> Subject:
    """Subject of the section `hyperprior`; `lpips_of` as in `perceptual_step.Players`.

    The generator minimises `perceptual_training.distortion_weight` x (distortion + bpp / lambda);
    lambdas, distortion and target rates are those of `hyperprior_training`.
    """
    options = config.perceptual_training
    model = build_hyperprior(config.hyperprior, remat=options.remat)
    lambdas = jnp.asarray(config.hyperprior_training.lambdas, jnp.float32)
    scales = options.distortion_weight / lambdas
    generate = hyperprior_generator(model, config.hyperprior_training, scales)
    return Subject(
        pixels_per_latent=model.f,
        latent_channels=model.latent_channels,
        init_params=lambda key: hyperprior_stage.init_params(model, key),
        generator_of=lambda state: generate,
        eval_fn=_build_eval(model, lpips_of),
    )


def _build_eval(model, lpips_of):
    """Means over all rates, latents rounded."""

    def evaluate(params, batch, *constants) -> dict[str, jax.Array]:
        image = to_network(batch["image"])

        def at_rate(rate):
            rates = jnp.full(len(image), rate)
            reconstruction = model.apply({"params": params}, image, rates).reconstruction
            error = mse(reconstruction, image)
            scores = {"mse": error, "psnr": 10 * jnp.log10(PEAK**2 / jnp.maximum(error, 1e-9))}
            if lpips_of:
                scores["lpips"] = lpips_of(*constants, reconstruction, image)
            return scores

        each = jax.lax.map(at_rate, jnp.arange(model.num_rates))
        return {name: values.mean(0) for name, values in each.items()}

    return evaluate
