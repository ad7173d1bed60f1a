"""The PQ-VAE's shapes, its nested qualities and its gradients."""

import functools
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from ml_collections import ConfigDict

from pqmim_jax.models import build_autoencoder

M, K, D = 3, 8, 4


def section(**overrides):
    return ConfigDict(
        {
            "f": 8,
            "backbone": "xcit",
            "encoder_width": 8,
            "encoder_depth": 1,
            "decoder_width": 8,
            "decoder_depth": 1,
            "heads": 2,
            "num_codebooks": M,
            "num_codewords": K,
            "codeword_dim": D,
            "normalize_codes": False,
            "linear_path": True,
            "dtype": "float32",
            **overrides,
        }
    )


@functools.cache
def built(**overrides):
    """A model with noise in every parameter: what starts at zero would hide mistakes."""
    if overrides.get("backbone") == "conv":
        overrides = {"encoder_depth": 0, "decoder_depth": 0, **overrides}  # compiles faster
    model = build_autoencoder(section(**overrides))
    image = jnp.zeros((1, 2 * model.f, 2 * model.f, 3))
    shapes = jax.eval_shape(model.init, jax.random.key(0), image, jnp.ones(1, jnp.int32))["params"]
    rng = np.random.default_rng(0)
    return model, jax.tree.map(
        lambda a: jnp.asarray(0.2 * rng.normal(size=a.shape), jnp.float32), shapes
    )


def picture(*shape, seed=1):
    return np.random.default_rng(seed).uniform(-0.5, 0.5, shape).astype(np.float32)


@pytest.mark.parametrize("backbone", ["xcit", "conv", "pyramid"])
@pytest.mark.parametrize("f", [8, 16])
@pytest.mark.parametrize("linear_path", [True, False])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_shapes_of_a_picture_that_is_not_square(backbone, f, linear_path, dtype):
    model, params = built(backbone=backbone, f=f, linear_path=linear_path, dtype=dtype)
    image = picture(2, 2 * f, 3 * f, 3)
    variables = {"params": params}
    out = jax.eval_shape(model.apply, variables, image, jnp.array([1, M]))
    assert out.reconstruction.shape == image.shape
    assert out.sub_vectors.shape == out.codewords.shape == (2, 2, 3, M, D)
    assert out.indices.shape == (2, 2, 3, M)
    assert out.indices.dtype == jnp.int32
    for array in (out.reconstruction, out.sub_vectors, out.codewords):
        assert array.dtype == jnp.float32


@pytest.mark.parametrize(
    ("backbone", "f", "linear_path"),
    [("xcit", 16, True), ("conv", 8, False), ("pyramid", 16, True), ("pyramid", 8, False)],
)
def test_bfloat16_gives_finite_pictures(backbone, f, linear_path):
    model, params = built(backbone=backbone, f=f, linear_path=linear_path, dtype="bfloat16")
    image = picture(1, f, 2 * f, 3)
    out = jax.jit(model.apply)({"params": params}, image, jnp.array([M]))
    assert np.isfinite(out.reconstruction).all()
    assert np.isfinite(out.sub_vectors).all()
    assert np.ptp(out.reconstruction) > 0.1


@functools.cache
def decoder():
    model, params = built()
    return jax.jit(lambda i, q: model.apply({"params": params}, i, q, method="decode_indices"))


def test_one_set_of_parameters_decodes_every_quality():
    indices = np.random.default_rng(0).integers(0, K, (1, 2, 2, M))
    pictures = [np.asarray(decoder()(indices, jnp.array([q]))) for q in range(1, M + 1)]
    assert all(p.shape == (1, 16, 16, 3) and np.isfinite(p).all() for p in pictures)
    for worse, better in itertools.pairwise(pictures):
        assert np.abs(worse - better).max() > 1e-3


@pytest.mark.parametrize("quality", range(1, M + 1))
def test_a_quality_ignores_the_indices_beyond_it(quality):
    indices = np.random.default_rng(0).integers(0, K, (1, 2, 2, M))
    q = jnp.array([quality])
    reference = np.asarray(decoder()(indices, q))
    for m in range(M):
        changed = indices.copy()
        changed[..., m] = (changed[..., m] + 1) % K
        difference = np.abs(np.asarray(decoder()(changed, q)) - reference).max()
        if m < quality:
            assert difference > 1e-4
        else:
            assert difference == 0


def test_forward_pass_decodes_the_codewords_of_its_indices():
    model, params = built(encoder_depth=0, decoder_depth=0)
    image, quality = picture(1, 16, 16, 3), jnp.array([2])

    @jax.jit
    def run(image):
        out = model.apply({"params": params}, image, quality)
        indices = model.apply({"params": params}, image, method="indices")
        decoded = model.apply({"params": params}, indices, quality, method="decode_indices")
        return out, indices, decoded

    out, indices, decoded = run(image)
    np.testing.assert_array_equal(indices, out.indices)
    np.testing.assert_allclose(decoded, out.reconstruction, atol=1e-5)


def test_reconstruction_gradient_reaches_the_encoder_unchanged():
    """A bias of the encoder's last layer feels what all tokens' codewords feel, summed."""
    model, params = built(encoder_depth=0, decoder_depth=0)
    image, quality = picture(1, 16, 16, 3), jnp.array([M])
    target = picture(1, 16, 16, 3, seed=2)

    @jax.jit
    def gradients(params):
        def by_parameters(params):
            out = model.apply({"params": params}, image, quality)
            return jnp.sum((out.reconstruction - target) ** 2), out.codewords

        def by_codewords(codewords):
            decoded = model.apply({"params": params}, codewords, quality, method="decode")
            return jnp.sum((decoded - target) ** 2)

        grads, codewords = jax.grad(by_parameters, has_aux=True)(params)
        return grads, jax.grad(by_codewords)(codewords)

    grads, at_codewords = gradients(params)
    expected = at_codewords.sum((0, 1, 2)).reshape(-1)
    assert np.abs(expected).min() > 1e-4
    for layer in ("to_latents", "linear_analysis"):
        np.testing.assert_allclose(grads[layer]["bias"], expected, rtol=1e-3, atol=1e-4)
    assert not np.any(grads["quantizer"]["codebooks"])


def test_unusable_choices_are_refused():
    with pytest.raises(ValueError, match=r"'vit'.*xcit, conv, pyramid"):
        build_autoencoder(section(backbone="vit"))
    with pytest.raises(ValueError, match="8 or 16, got 4"):
        build_autoencoder(section(f=4))
