"""Gradients of both players of a perceptual step, on a toy in float64.

With plain gradient descent at rate 1 a step changes every parameter by its gradient: what is
tested is the whole step.
"""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from pqmim_jax.losses.adversarial import adversarial_loss, r1_penalty
from pqmim_jax.models.discriminator import Discriminator
from pqmim_jax.models.layers.spectral import COLLECTION, next_vectors
from pqmim_jax.training import default_config
from pqmim_jax.training.adversary import Adversary
from pqmim_jax.training.generator import Generated
from pqmim_jax.training.perceptual_step import Players, build_perceptual_step
from pqmim_jax.training.pqvae_loss import to_network
from pqmim_jax.training.state import TrainState

RNG = np.random.default_rng(0)
BATCH = {"image": RNG.integers(0, 256, (4, 8, 8, 3), dtype=np.uint8)}
NETWORK = Discriminator(width=3, depth=1, condition_width=2, dtype=jnp.float64)
LPIPS_PARAMS = RNG.normal(size=(3, 5))
KEY = jax.random.key(0, impl="unsafe_rbg")  # compiles faster than the default
R1_INTERVAL = 3


def toy_generator(params, part, key):
    """Every pixel through a hidden layer; its means over 4 x 4 pixels are its codes."""
    del key
    image = to_network(part["image"])
    hidden = jnp.tanh(image @ params["encoder"]["kernel"])
    reconstruction = jnp.tanh(hidden @ params["body"]["kernel"]) @ params["to_pixels"]["kernel"]
    condition = hidden.reshape(-1, 2, 4, 2, 4, 4).mean((2, 4))
    error = jnp.mean((reconstruction - image) ** 2, axis=(1, 2, 3))
    return Generated(reconstruction, condition, 2 * error, {"error": error})


def toy_lpips(params, a, b):
    return jnp.mean((jnp.sin(3 * a @ params) - jnp.sin(3 * b @ params)) ** 2, axis=(1, 2, 3))


def options(**overrides):
    config = default_config.get_config().perceptual_training
    config.update(frozen=("^encoder/",), lpips_weight=0.7, adversarial_weight=0.3)
    config.update(adversarial_loss="non_saturating", **overrides)
    return config


def first_state():
    def kernel(rows, columns):
        return {"kernel": jnp.asarray(RNG.normal(size=(rows, columns)))}

    params = {"encoder": kernel(3, 4), "body": kernel(4, 5), "to_pixels": kernel(5, 3)}
    image, condition = jnp.zeros((1, 8, 8, 3)), jnp.zeros((1, 2, 2, 4))
    state = quick_jit(adversary(options()).init)(KEY, image, condition)
    state = jax.tree.map(lambda a: jnp.asarray(a, jnp.float64), state)
    return TrainState(jnp.int32(0), params, optax.EmptyState(), None, state)


def adversary(config):
    return Adversary(NETWORK, optax.sgd(1.0), config.adversarial_loss, 0.4, R1_INTERVAL)


@pytest.fixture(scope="module", autouse=True)
def float64():
    with jax.enable_x64(True):
        yield


@pytest.fixture(scope="module")
def start(float64):
    return first_state()


def quick_jit(function):
    """Compiled with little optimisation: that would take longer than running it."""
    flags = ("xla_backend_optimization_level", 0), ("xla_llvm_disable_expensive_passes", True)
    return jax.jit(function, compiler_options=dict(flags))


def step_of(config):
    """state -> (next state, metrics), compiled."""
    players = Players(lambda state: toy_generator, optax.sgd(1.0), toy_lpips, adversary(config))
    step = quick_jit(build_perceptual_step(players, config))

    def advance(state):
        trained = {name: p for name, p in state.params.items() if name != "encoder"}
        state = state.replace(opt_state=players.tx.init(trained))
        return step(state, BATCH, KEY, LPIPS_PARAMS)

    return advance


@pytest.fixture(scope="module")
def stepped(start):
    """State after one step, and its metrics."""
    return step_of(options())(start)


def objectives(start, params, rival_params, weight):
    """What generator and discriminator minimise, straight from the definitions."""
    image = to_network(BATCH["image"])
    out = toy_generator(params, BATCH, KEY)
    vectors = next_vectors(start.discriminator.params, start.discriminator.vectors)

    def logits_of(picture):
        return NETWORK.apply({"params": rival_params, COLLECTION: vectors}, picture, out.condition)

    of_discriminator, of_generator = adversarial_loss("non_saturating")
    likeness = 0.7 * toy_lpips(LPIPS_PARAMS, out.reconstruction, image)
    played = weight * of_generator(logits_of(out.reconstruction))
    rivalry = of_discriminator(logits_of(image), logits_of(out.reconstruction))
    penalty = 0.4 * R1_INTERVAL * r1_penalty(logits_of, image)
    return (out.losses + likeness + played).mean(), (rivalry + penalty).mean()


def slope(function, at, direction):
    """Central difference of fourth order along a direction."""
    h = 1e-4
    moved = [
        function(jax.tree.map(lambda a, d, n=n: a + n * h * d, at, direction))
        for n in (-2, -1, 1, 2)
    ]
    return float(moved[0] - 8 * moved[1] + 8 * moved[2] - moved[3]) / (12 * h)


def along(gradient, direction):
    products = jax.tree.map(lambda g, d: float(jnp.sum(g * d)), gradient, direction)
    return sum(jax.tree.leaves(products))


def assert_gradient(function, at, gradient):
    """`gradient` of the jitted `function`, against differences along random directions."""
    for _ in range(4):
        direction = jax.tree.map(lambda a: jnp.asarray(RNG.normal(size=a.shape)), at)
        expected = slope(function, at, direction)
        assert abs(expected) > 1e-3
        assert along(gradient, direction) == pytest.approx(expected, rel=1e-6)


def difference(before, after):
    return jax.tree.map(lambda a, b: a - b, before, after)


def test_the_generator_descends_the_finite_difference_of_its_objective(start, stepped):
    trained = {name: start.params[name] for name in ("body", "to_pixels")}
    gradient = difference(trained, {name: stepped[0].params[name] for name in trained})

    @quick_jit
    def objective(trained):
        params = {**start.params, **trained}
        return objectives(start, params, start.discriminator.params, 0.3)[0]

    assert_gradient(objective, trained, gradient)


def test_the_discriminator_descends_the_finite_difference_of_its_objective(start, stepped):
    before = start.discriminator.params
    gradient = difference(before, stepped[0].discriminator.params)
    objective = quick_jit(lambda rival: objectives(start, start.params, rival, 0.3)[1])
    assert_gradient(objective, before, gradient)


def test_a_step_moves_the_spectral_vectors_once_and_frozen_parameters_never(start, stepped):
    state, _ = stepped
    once = next_vectors(start.discriminator.params, start.discriminator.vectors)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-12), state.discriminator.vectors, once
    )
    np.testing.assert_array_equal(
        state.params["encoder"]["kernel"], start.params["encoder"]["kernel"]
    )
    assert int(state.step) == 1


def test_parts_of_a_batch_add_up_to_the_whole(start, stepped):
    state, metrics = step_of(options(accumulate_steps=2))(start)
    for name in metrics:
        np.testing.assert_allclose(metrics[name], stepped[1][name], rtol=1e-9, err_msg=name)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-9), state.params, stepped[0].params
    )


def test_the_adaptive_weight_is_the_ratio_of_explicit_gradients_at_the_last_layer(start):
    state, metrics = step_of(options(adaptive_weight=True))(start)

    def parts(kernel):
        params = {**start.params, "to_pixels": {"kernel": kernel}}
        others, both = (
            objectives(start, params, start.discriminator.params, weight)[0] for weight in (0, 1)
        )
        return jnp.stack([others, both - others])

    gradients = quick_jit(jax.jacobian(parts))(start.params["to_pixels"]["kernel"])
    ratio = jnp.linalg.norm(gradients[0]) / (jnp.linalg.norm(gradients[1]) + 1e-4)
    assert metrics["adversarial_weight"] == pytest.approx(0.3 * float(ratio), rel=1e-6)
    moved = start.params["to_pixels"]["kernel"] - state.params["to_pixels"]["kernel"]
    np.testing.assert_allclose(moved, gradients[0] + 0.3 * ratio * gradients[1], rtol=1e-6)


def test_before_its_start_the_adversarial_term_trains_the_discriminator_only(start, stepped):
    advance = step_of(options(adversarial_start=1))
    state, metrics = advance(start)
    assert metrics["adversarial_weight"] == 0
    jax.tree.map(
        np.testing.assert_array_equal, state.discriminator.params, stepped[0].discriminator.params
    )
    later, metrics = advance(start.replace(step=jnp.int32(1)))
    assert metrics["adversarial_weight"] == pytest.approx(0.3)
    assert metrics["discriminator_grad_norm"] != stepped[1]["discriminator_grad_norm"], "R1 rests"
    np.testing.assert_allclose(
        later.params["body"]["kernel"], stepped[0].params["body"]["kernel"], rtol=1e-9
    )
