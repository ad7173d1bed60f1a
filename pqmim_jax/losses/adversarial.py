"""Adversarial losses of patch discriminators, as pure functions of their logits."""

from collections.abc import Callable

import jax
import jax.numpy as jnp

_LARGEST_WEIGHT = 1e4
_EPSILON = 1e-4


def hinge_discriminator(real: jax.Array, fake: jax.Array) -> jax.Array:
    """max(0, 1 - D(x)) + max(0, 1 + D(x^)) (Lim & Ye 2017), a mean over patches.

    Args:
      real, fake: logits (B, h, w, 1).

    Returns:
      (B,).
    """
    return _mean(jax.nn.relu(1 - real)) + _mean(jax.nn.relu(1 + fake))


def hinge_generator(fake: jax.Array) -> jax.Array:
    """-D(x^), a mean over patches; (B, h, w, 1) -> (B,)."""
    return -_mean(fake)


def non_saturating_discriminator(real: jax.Array, fake: jax.Array) -> jax.Array:
    """-log s(D(x)) - log(1 - s(D(x^))) in nats (Goodfellow et al. 2014); shapes as for hinge."""
    return _mean(jax.nn.softplus(-real)) + _mean(jax.nn.softplus(fake))


def non_saturating_generator(fake: jax.Array) -> jax.Array:
    """-log s(D(x^)) in nats; (B, h, w, 1) -> (B,)."""
    return _mean(jax.nn.softplus(-fake))


# name: (loss of the discriminator, loss of the generator)
ADVERSARIAL_LOSSES = {
    "hinge": (hinge_discriminator, hinge_generator),
    "non_saturating": (non_saturating_discriminator, non_saturating_generator),
}


def adversarial_loss(name: str) -> tuple[Callable, Callable]:
    """The losses of discriminator and generator called `name`; ValueError lists the choices."""
    if name not in ADVERSARIAL_LOSSES:
        choices = ", ".join(ADVERSARIAL_LOSSES)
        raise ValueError(f"unknown adversarial loss {name!r}; choices: {choices}")
    return ADVERSARIAL_LOSSES[name]


def r1_penalty(logits_of: Callable[[jax.Array], jax.Array], images: jax.Array) -> jax.Array:
    """||grad_x D(x)||^2 on real images (R1, Mescheder et al. 2018).

    Of the sum of an image's logits, divided by their number, so that the size of the image does
    not count: for one logit an image it is the paper's penalty.

    Args:
      logits_of: images -> logits (B, h, w, 1), each image by itself.
      images: (B, H, W, 3).

    Returns:
      (B,), not negative.
    """
    logits, pull_back = jax.vjp(logits_of, images)
    (gradient,) = pull_back(jnp.ones_like(logits))
    return jnp.sum(gradient**2, axis=(1, 2, 3)) / logits[0].size


def adaptive_weight(distortion_gradient: jax.Array, adversarial_gradient: jax.Array) -> jax.Array:
    """VQGAN's weight of the adversarial term (Esser et al. 2021, equation 7), constant in both.

    Args:
      distortion_gradient, adversarial_gradient: those of the other losses and of the adversarial
        one with respect to the last layer of the decoder, any equal shape.

    Returns:
      scalar ratio of their norms, in [0, 10000].
    """
    norms = jnp.linalg.norm(distortion_gradient), jnp.linalg.norm(adversarial_gradient)
    ratio = norms[0] / (norms[1] + _EPSILON)
    return jax.lax.stop_gradient(jnp.clip(ratio, 0, _LARGEST_WEIGHT))


def _mean(values: jax.Array) -> jax.Array:
    return jnp.mean(values, axis=(1, 2, 3))
