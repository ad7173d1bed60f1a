import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pqmim_jax.losses.codebook import codebook_loss, commitment_loss, perplexity
from pqmim_jax.losses.distortion import mse
from pqmim_jax.training.mim_step import cross_entropy_bits


def random(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def test_both_terms_are_the_distortion_that_quantization_adds_to_an_orthonormal_transform():
    f = 2
    rotation, _ = np.linalg.qr(random(3 * f * f, 3 * f * f))
    latents, quantized = random(2, 3, 3, 12, seed=1), random(2, 3, 3, 12, seed=2)
    pixels, quantized_pixels = (x @ rotation for x in (latents, quantized))
    expected = mse(quantized_pixels.reshape(2, 6, 6, 3), pixels.reshape(2, 6, 6, 3))
    groups = [x.reshape(2, 3, 3, 4, 3) for x in (latents, quantized)]
    for loss in (commitment_loss, codebook_loss):
        np.testing.assert_allclose(loss(*groups, 3 * f * f), expected, rtol=1e-5)


def test_each_term_moves_one_side_only():
    a, b = random(1, 2, 2, 3, 4), random(1, 2, 2, 3, 4, seed=1)
    to_encoder, to_codebooks = (
        jax.grad(lambda a, b, loss=loss: loss(a, b, 12).sum(), argnums=(0, 1))(a, b)
        for loss in (commitment_loss, codebook_loss)
    )
    assert not np.any(to_encoder[1])
    assert not np.any(to_codebooks[0])
    np.testing.assert_allclose(to_encoder[0], -to_codebooks[1], rtol=1e-6)
    assert np.abs(to_encoder[0]).max() > 0


def test_perplexity_counts_the_codewords_that_are_used():
    counts = np.zeros((4, 16), np.float32)
    counts[0] = 5  # all alike
    counts[1, 3] = 100  # one only
    counts[2, :4] = 7
    np.testing.assert_allclose(perplexity(counts[:3]), [16, 1, 4], rtol=1e-4)
    assert np.isfinite(perplexity(counts)).all(), "a sub-quantizer without any use"


def test_perplexity_does_not_depend_on_the_scale_of_counts():
    counts = np.random.default_rng(0).integers(0, 9, (2, 8)).astype(np.float32)
    np.testing.assert_allclose(perplexity(counts), perplexity(counts * 1e4), rtol=1e-5)


def test_cross_entropy_is_in_bits():
    logits = 4 * random(2, 3, 5)
    indices = np.random.default_rng(1).integers(0, 5, (2, 3))
    probabilities = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    expected = -np.log2(np.take_along_axis(probabilities, indices[..., None], -1)[..., 0])
    np.testing.assert_allclose(cross_entropy_bits(logits, indices), expected, rtol=1e-4, atol=1e-5)
    uniform = cross_entropy_bits(jnp.zeros((1, 256)), jnp.array([7]))
    assert float(uniform[0]) == pytest.approx(8)
