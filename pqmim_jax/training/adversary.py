"""The discriminator's side of an adversarial step."""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import optax
from ml_collections import ConfigDict

from pqmim_jax.losses.adversarial import adversarial_loss, r1_penalty
from pqmim_jax.models.discriminator import Discriminator, build_discriminator
from pqmim_jax.models.layers.spectral import COLLECTION, next_vectors
from pqmim_jax.training.config import ConfigError
from pqmim_jax.training.optimizer import build_optimizer
from pqmim_jax.training.state import DiscriminatorState


@dataclass(frozen=True)
class Adversary:
    """Discriminator, optimiser and losses; what changes is in a `DiscriminatorState`."""

    network: Discriminator
    tx: optax.GradientTransformation
    loss: str  # a name of `ADVERSARIAL_LOSSES`
    r1_weight: float
    r1_interval: int  # steps

    def init(self, key: jax.Array, image, condition) -> DiscriminatorState:
        """Random weights for inputs of these shapes."""
        variables = self.network.init(key, image, condition)
        params = variables["params"]
        return DiscriminatorState(params, self.tx.init(params), variables.get(COLLECTION, {}))

    def next_vectors(self, state: DiscriminatorState) -> DiscriminatorState:
        """One power iteration; once a step, before anything else is computed."""
        return state.replace(vectors=next_vectors(state.params, state.vectors))

    def fooled(self, state: DiscriminatorState, reconstruction, condition) -> jax.Array:
        """The generator's loss, (B,)."""
        logits = self._logits(state.params, state.vectors, reconstruction, condition)
        return adversarial_loss(self.loss)[1](logits)

    def gradient(self, state: DiscriminatorState, real, fake, condition, size: int, step):
        """Gradient of the discriminator's loss, and metrics of every row.

        Args:
          real, fake: (b, H, W, 3) float32; condition: (b, h, w, C). Part of a batch.
          size: images of the whole batch, over which the loss is a mean.
          step: of the run, int32; R1 counts in every `r1_interval`-th.
        """

        def loss_fn(params):
            def logits_of(image):
                return self._logits(params, state.vectors, image, condition)

            logits = logits_of(real), logits_of(fake)
            losses = adversarial_loss(self.loss)[0](*logits)
            rows = {"discriminator_loss": losses}
            rows["real_logit"], rows["fake_logit"] = (x.mean((1, 2, 3)) for x in logits)
            if self.r1_weight:
                losses += self.r1_weight * self._penalty(logits_of, real, step)
            return jnp.sum(losses) / size, rows

        return jax.grad(loss_fn, has_aux=True)(state.params)

    def update(self, state: DiscriminatorState, grads) -> DiscriminatorState:
        """One optimiser step."""
        updates, opt_state = self.tx.update(grads, state.opt_state, state.params)
        return state.replace(params=optax.apply_updates(state.params, updates), opt_state=opt_state)

    def _penalty(self, logits_of, real, step) -> jax.Array:
        """R1 where it is due, as much more as it is due more seldom (Karras et al. 2020)."""
        return jax.lax.cond(
            step % self.r1_interval == 0,
            lambda images: self.r1_interval * r1_penalty(logits_of, images),
            lambda images: jnp.zeros(images.shape[0]),
            real,
        )

    def _logits(self, params: Any, vectors: Any, image, condition) -> jax.Array:
        variables = {"params": params, COLLECTION: vectors}
        return self.network.apply(variables, image, condition)


def build_adversary(options) -> Adversary | None:
    """From the section `perceptual_training`; None if the adversarial term has no weight.

    Raises:
      ConfigError, ValueError: a bad choice.
    """
    section = options.discriminator
    adversarial_loss(options.adversarial_loss)
    if options.r1_interval < 1 or options.r1_weight < 0:
        raise ConfigError(
            f"perceptual_training: r1_interval {options.r1_interval} must be >= 1 step and "
            f"r1_weight {options.r1_weight} >= 0"
        )
    if not options.adversarial_weight:
        return None
    schedule = ConfigDict({**dict(options), "lr_scales": ()})
    schedule.update(learning_rate=section.learning_rate, adam_b1=section.adam_b1)
    return Adversary(
        build_discriminator(section),
        build_optimizer(schedule),
        options.adversarial_loss,
        options.r1_weight,
        options.r1_interval,
    )
