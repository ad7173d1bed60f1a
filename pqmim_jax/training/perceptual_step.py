"""One step of perceptual training: a generator and a discriminator, each with its optimiser."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import optax
from flax.traverse_util import flatten_dict

from pqmim_jax.losses.adversarial import adaptive_weight
from pqmim_jax.training.accumulate import accumulate
from pqmim_jax.training.adversary import Adversary
from pqmim_jax.training.freezing import merge_params, split_params
from pqmim_jax.training.generator import Generated, GeneratorFn
from pqmim_jax.training.pqvae_loss import to_network
from pqmim_jax.training.state import DiscriminatorState, TrainState

# (state, parameters after the optimiser's step, rows, key) -> (parameters, codebook averages,
# metrics); takes what it needs out of the rows.
Upkeep = Callable[[TrainState, Any, dict, jax.Array], tuple[Any, Any, dict]]


def no_upkeep(state: TrainState, params, rows, key):
    """For generators without codebooks."""
    del rows, key
    return params, state.codebook, {}


@dataclass(frozen=True)
class Players:
    """Everything that plays in a perceptual step."""

    generator_of: Callable[[TrainState], GeneratorFn]
    tx: optax.GradientTransformation  # of the parameters that are not frozen
    lpips_of: Callable | None  # (*constants, a, b) -> (B,); None = no LPIPS term
    adversary: Adversary | None  # None = no adversarial term
    upkeep: Upkeep = no_upkeep


def build_perceptual_step(players: Players, options):
    """Returns step(state, batch, key, *constants) -> (state, metrics).

    `options` is `perceptual_training`; batch: {"image": uint8 (B, H, W, 3)}; constants are what
    `players.lpips_of` takes first. Both players' gradients come from one forward pass of the
    generator and from the weights before the step. Metrics are scalars, or (M,) for codebooks.
    """

    def step(state: TrainState, batch, key, *constants):
        generator_key, upkeep_key = jax.random.split(jax.random.fold_in(key, state.step))
        size = batch["image"].shape[0]
        trained, frozen = split_params(state.params, options.frozen)
        rival = state.discriminator and players.adversary.next_vectors(state.discriminator)
        game = _Game(players, options, players.generator_of(state), frozen, rival, state.step, size)

        def grad_fn(params, part):
            return game.gradients(*params, part, constants)

        # One key a row: how a batch is split into parts decides which row's key a part takes.
        parts = {"image": batch["image"], "key": jax.random.split(generator_key, size)}
        both = (trained, rival and rival.params)
        (grads, rival_grads), rows = accumulate(grad_fn, both, parts, options.accumulate_steps)
        updates, opt_state = players.tx.update(grads, state.opt_state, trained)
        params = merge_params(optax.apply_updates(trained, updates), frozen)
        params, codebook, health = players.upkeep(state, params, rows, upkeep_key)
        metrics = {name: row.mean() for name, row in rows.items() if row.ndim == 1}
        metrics |= {"grad_norm": optax.tree.norm(grads), **health}
        if rival:
            metrics["discriminator_grad_norm"] = optax.tree.norm(rival_grads)
            rival = players.adversary.update(rival, rival_grads)
        return TrainState(state.step + 1, params, opt_state, codebook, rival), metrics

    return step


@dataclass(frozen=True)
class _Game:
    """What is fixed while the parts of one batch are gone through."""

    players: Players
    options: Any
    generate: GeneratorFn
    frozen: dict
    rival: DiscriminatorState | None
    step: jax.Array
    size: int  # images of the whole batch: losses are means over them

    def gradients(self, trained, rival_params, part, constants):
        """((gradient of `trained`, gradient of `rival_params`), rows) of one part."""
        image = to_network(part["image"])

        def forward(trained):
            params = merge_params(trained, self.frozen)
            out = self.generate(params, {"image": part["image"]}, part["key"][0])
            return (out.reconstruction, out.losses), out

        (_, losses), pull_back, out = jax.vjp(forward, trained, has_aux=True)
        likeness, rows = self._likeness(out.reconstruction, image, constants)
        others = (likeness, jnp.full_like(losses, 1 / self.size))
        rows = {**out.rows, **rows}
        rows["loss"] = losses + self.options.lpips_weight * rows.get("lpips", 0.0)
        if self.rival is None:
            return (pull_back(others)[0], None), rows
        rival = self.rival.replace(params=rival_params)
        played, weight, rival_grads, more = self._play(rival, out, image, pull_back, others)
        cotangents = (likeness + weight * played, others[1])
        return (pull_back(cotangents)[0], rival_grads), {**rows, **more}

    def _likeness(self, reconstruction, image, constants):
        """Gradient of the LPIPS term in the reconstruction, and rows."""
        if self.players.lpips_of is None:
            return jnp.zeros_like(reconstruction), {}

        def term(reconstruction):
            values = self.players.lpips_of(*constants, reconstruction, image)
            return self.options.lpips_weight * jnp.sum(values) / self.size, values

        gradient, values = jax.grad(term, has_aux=True)(reconstruction)
        return gradient, {"lpips": values}

    def _play(self, rival: DiscriminatorState, out: Generated, image, pull_back, others):
        """The adversarial term: its gradient in the reconstruction, its weight, the rival's."""
        adversary = self.players.adversary
        condition = jax.lax.stop_gradient(out.condition)

        def term(reconstruction):
            values = adversary.fooled(rival, reconstruction, condition)
            return jnp.sum(values) / self.size, values

        gradient, values = jax.grad(term, has_aux=True)(out.reconstruction)
        weight = self._weight(pull_back, others, (gradient, jnp.zeros_like(others[1])))
        rival_grads, rows = adversary.gradient(
            rival, image, out.reconstruction, condition, self.size, self.step
        )
        rows |= {"adversarial": values, "adversarial_weight": jnp.full_like(values, weight)}
        return gradient, weight, rival_grads, rows

    def _weight(self, pull_back, others, adversarial) -> jax.Array:
        """Weight of the adversarial term; with `adaptive_weight` that of this part."""
        started = self.step >= self.options.adversarial_start
        weight = jnp.where(started, self.options.adversarial_weight, 0.0)
        if not self.options.adaptive_weight:
            return weight

        # Whatever of these backward passes does not lead to the last layer, XLA leaves out.
        def at_last_layer(cotangents) -> jax.Array:
            return flatten_dict(pull_back(cotangents)[0], sep="/")[self.options.last_layer]

        return weight * adaptive_weight(at_last_layer(others), at_last_layer(adversarial))
