import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pqmim_jax.losses.codebook import perplexity
from pqmim_jax.models import build_autoencoder
from pqmim_jax.models.quantizer import nearest_codewords
from pqmim_jax.training import mim_stage, pqvae_stage, rate
from pqmim_jax.training.config import ConfigError


def test_bits_are_the_code_lengths_of_frequencies():
    bits = rate.static_bits(jnp.array([[2.0, 1.0, 1.0, 0.0], [0.0, 0.0, 0.0, 8.0]]))
    np.testing.assert_allclose(bits[0, :3], [1, 2, 2], rtol=1e-6)
    assert bits[0, 3] == bits[1].max() == 20
    assert bits[1, 3] == 0


def test_a_dearer_codeword_is_chosen_only_where_it_is_nearer_by_its_price():
    codebooks = jnp.array([[[0.0], [1.0]]])  # decision at 1/2 without a price
    bits = jnp.array([[1.0, 5.0]])
    weights = jnp.array([0.0, 0.1 * 255**2])  # 4 bits more cost 0.4 of squared distance
    z = jnp.linspace(0.005, 1.405, 141).reshape(1, 1, 141, 1, 1).repeat(2, axis=0)
    chosen = nearest_codewords(z, codebooks, penalty=rate.penalty(bits, weights))[:, 0, :, 0]
    np.testing.assert_array_equal(chosen[0], np.linspace(0.005, 1.405, 141) > 0.5)
    np.testing.assert_array_equal(chosen[1], np.linspace(0.005, 1.405, 141) > 0.7)


def test_prices_by_quality_are_those_of_the_examples():
    together = jnp.arange(6.0).reshape(2, 3)
    apart = jnp.stack([together, together + 10])
    quality = jnp.array([2, 1, 2])
    np.testing.assert_array_equal(rate.bits_at(together, quality), together)
    found = rate.penalty(rate.bits_at(apart, quality), 255.0**2 * jnp.array([1.0, 2.0, 0.0]))
    assert found.shape == (3, 1, 1, 2, 3)
    np.testing.assert_allclose(found[0, 0, 0], together + 10)
    np.testing.assert_allclose(found[1, 0, 0], 2 * together)
    assert not found[2].any()


def test_a_scale_of_zero_means_no_price_and_bad_ones_are_refused():
    assert rate.quality_weights((), 0.0, 3) is None
    np.testing.assert_allclose(rate.quality_weights((4, 2, 1), 0.5, 3), [2, 1, 0.5])
    for weights, scale in (((), 1.0), ((1, 2), 1.0), ((1, 2, 3), -1.0)):
        with pytest.raises(ConfigError, match="rate_scale"):
            rate.quality_weights(weights, scale, 3)


def test_low_qualities_count_less_in_a_balanced_loss():
    weights = jnp.array([1600.0, 400.0, 100.0])
    shares = rate.balanced(weights, 0.5)
    np.testing.assert_allclose(shares, np.array([1, 2, 4]) * 3 / 7, rtol=1e-6)
    assert rate.balanced(weights, 0.0) is None
    for refused, balance in ((weights, 1.5), (None, 0.4), (jnp.array([1.0, 0.0]), 0.4)):
        with pytest.raises(ConfigError, match="balance"):
            rate.balanced(refused, balance)


def test_examples_weigh_in_the_loss_what_their_quality_does(tiny_config):
    """Gradients of a batch of one quality are those without balance, times its weight."""
    tiny_config.codec.rate_weights = (4e4, 1e4)

    def gradient_norm(balance, quality):
        options = tiny_config.pqvae_training
        options.update(rate_scale=1.0, balance=balance, batch_size=1, full_quality_share=0.0)
        stage = pqvae_stage.pqvae_stage(tiny_config)
        state = stage.init(jax.random.key(0))
        image = np.random.default_rng(0).integers(0, 256, (1, 32, 32, 3), np.uint8)
        for seed in range(9):  # until the quality that is asked for is drawn
            _, metrics = jax.jit(stage.step_fn)(state, {"image": image}, jax.random.key(seed))
            if (float(metrics["mse_full"]) > 0) == (quality == 2):
                return float(metrics["grad_norm"])
        raise AssertionError("quality not drawn")

    for quality, weight in ((1, 2 / 3), (2, 4 / 3)):
        found = gradient_norm(0.5, quality) / gradient_norm(0.0, quality)
        np.testing.assert_allclose(found, weight, rtol=1e-3)


def test_counts_of_priced_choices_are_more_skewed(tiny_config):
    section = tiny_config.autoencoder
    frozen = pqvae_stage.start_values(tiny_config)["params"]
    nearest = mim_stage.training_set_counts(tiny_config, section, frozen)
    tiny_config.codec.rate_weights = (2e6, 2e6)
    tiny_config.mim_training.rate_scale = 1.0
    priced = mim_stage.training_set_counts(tiny_config, section, frozen)
    assert nearest.sum() == priced.sum()
    assert (perplexity(priced) < 0.95 * perplexity(nearest)).all()


def test_counts_by_quality_are_of_what_each_chooses_and_sends(tiny_config):
    section = tiny_config.autoencoder
    frozen = pqvae_stage.start_values(tiny_config)["params"]
    tiny_config.codec.rate_weights = (2e6, 2e4)
    tiny_config.mim_training.rate_scale = 1.0
    together = mim_stage.training_set_counts(tiny_config, section, frozen)
    tiny_config.codec.counts_by_quality = True
    apart = mim_stage.training_set_counts(tiny_config, section, frozen)
    assert apart.shape == (2, *together.shape)
    np.testing.assert_array_equal(apart[1], together)
    assert apart[0, 0].sum() == together[0].sum()
    assert not apart[0, 1].any()
    assert perplexity(apart[0])[0] < perplexity(apart[1])[0]  # a bit is dearer


def test_the_mim_learns_at_each_examples_prices_and_is_told_its_quality(tiny_config):
    """At prices by which quality 1 would choose codeword 2, quality 2 codeword 6."""
    tiny_config.codec.update(rate_weights=(1e9, 1e9), counts_by_quality=True)
    tiny_config.mim.knows_quality = True
    tiny_config.mim_training.update(
        rate_scale=1.0, nearest_share=0.0, static_share=1.0, full_quality_share=0.5, batch_size=32
    )
    stage = mim_stage.mim_stage(tiny_config, tiny_config.autoencoder)
    assert stage.constants[1].shape == (2, 2, 8)
    state = stage.init(jax.random.key(0))
    # Of depth 0, and without other weights: the context is the quality, the logits its sign.
    params = jax.tree.map(jnp.zeros_like, state.params)
    params["norm"]["scale"] = jnp.ones(8)
    turn = jnp.array([1.0, -1.0] * 4)
    params["quality"]["embedding"] = jnp.stack([turn, -turn])
    head = params["head"]
    head["context"] = jnp.broadcast_to(turn[:, None] / 8, head["context"].shape)
    head["hidden_bias"] = head["hidden_bias"] + 2.0
    head["output"] = head["output"].at[:, :, 2].set(1.0).at[:, :, 6].set(-1.0)
    frozen = pqvae_stage.init_params(build_autoencoder(tiny_config.autoencoder), jax.random.key(1))
    bits = jnp.full((2, 2, 8), 9.0).at[0, :, 2].set(1.0).at[1, :, 6].set(1.0)
    batch = {"image": np.random.default_rng(0).integers(0, 256, (32, 32, 32, 3), np.uint8)}
    _, metrics = jax.jit(stage.step_fn)(
        state.replace(params=params), batch, jax.random.key(2), frozen, bits
    )

    def nats(context, codeword):
        hidden = jax.nn.gelu(2.0 + context)
        logits = jnp.zeros(8).at[2].set(8 * hidden).at[6].set(-8 * hidden)
        return -jax.nn.log_softmax(logits)[codeword]

    at = {1: nats(1.0, 2) / np.log(2), 2: nats(-1.0, 6) / np.log(2)}
    # The second sub-quantizer exists at quality 2 only, the first at both.
    first, second = metrics["bits_per_codebook"]
    np.testing.assert_allclose(second, at[2], rtol=1e-4)
    assert min(at.values()) < first < max(at.values())


@pytest.mark.parametrize("static_share", [0.0, 0.1])
def test_the_mim_learns_from_what_its_own_bits_would_choose(tiny_config, static_share):
    """Masked indices follow the model's probabilities, visible ones only the frequencies.

    In the first `static_share` of the training masked ones follow the frequencies, too.
    """
    tiny_config.codec.rate_weights = (1e9, 1e9)  # nothing but the price counts
    tiny_config.mim_training.update(rate_scale=1.0, nearest_share=0.0, static_share=static_share)
    stage = mim_stage.mim_stage(tiny_config, tiny_config.autoencoder)
    state = stage.init(jax.random.key(0))
    bias = np.zeros((2, 8), np.float32)
    bias[:, 5] = 4.0
    head = {name: np.zeros_like(value) for name, value in state.params["head"].items()}
    state = state.replace(params={**state.params, "head": {**head, "output_bias": bias}})
    frozen = pqvae_stage.init_params(build_autoencoder(tiny_config.autoencoder), jax.random.key(1))
    static_bits = jnp.full((2, 8), 3.0).at[:, 2].set(1.0)
    batch = {"image": np.random.default_rng(0).integers(0, 256, (4, 32, 32, 3), np.uint8)}
    step = jax.jit(stage.step_fn)
    bits_of = {2: -np.log2(1 / (np.exp(4.0) + 7)), 5: -np.log2(np.exp(4.0) / (np.exp(4.0) + 7))}
    for count in range(2):
        counted = state.replace(step=jnp.int32(count))
        _, metrics = step(counted, batch, jax.random.key(2), frozen, static_bits)
        chosen = 2 if count < static_share else 5
        np.testing.assert_allclose(metrics["bits_per_index"], bits_of[chosen], rtol=1e-5)
