"""The `pyramid` backbone: how far it reaches, a picture's borders, and what it starts from."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from ml_collections import ConfigDict

from pqmim_jax.models import build_autoencoder
from pqmim_jax.models.layers.patches import overlap_add, overlapping_patches
from pqmim_jax.models.pyramid import PATCH, PyramidDecoder, PyramidEncoder, reach
from pqmim_jax.training import default_config

WIDTH, LATENT = 4, 6


def noisy(shapes):
    """Noise for every parameter: what starts at zero, or small, would hide mistakes."""
    rng = np.random.default_rng(0)
    return jax.tree.map(lambda a: jnp.asarray(0.2 * rng.normal(size=a.shape), jnp.float32), shapes)


@functools.cache
def built(network, f, depth):
    """(apply(x, mask), size of x a side of a token) of an encoder or decoder."""
    model = network(f, WIDTH, depth)
    side, channels = (f, 3) if network is PyramidEncoder else (1, LATENT)
    x = jnp.zeros((1, 2 * side, 2 * side, channels))
    params = noisy(jax.eval_shape(model.init, jax.random.key(0), x)["params"])
    return functools.partial(model.apply, {"params": params}), (side, channels)


def section(**overrides):
    """A small autoencoder of three codebooks."""
    config = default_config.get_config().autoencoder
    config.update(backbone="pyramid", f=8, encoder_width=WIDTH, decoder_width=WIDTH)
    config.update(encoder_depth=1, decoder_depth=1, num_codebooks=3, codeword_dim=2, **overrides)
    return config


def started(**overrides):
    """An autoencoder and the parameters that it starts from."""
    model = build_autoencoder(section(**overrides))
    image, quality = jnp.zeros((1, 16, 16, 3)), jnp.ones(1, jnp.int32)
    return model, jax.jit(model.init)(jax.random.key(0), image, quality)["params"]


def picture(*shape, seed=1):
    return np.random.default_rng(seed).uniform(-0.5, 0.5, shape).astype(np.float32)


def seen(apply, x, row):
    """First and last row of x that features of a row depend on."""

    def total(x):
        return jnp.sum(apply(x)[0, row])

    rows = np.flatnonzero(np.abs(jax.jit(jax.grad(total))(x)).max(axis=(0, 2, 3)))
    return rows[0], rows[-1]


@pytest.mark.parametrize(("f", "depth"), [(8, 0), (8, 2), (16, 1)])
def test_a_token_is_made_of_the_pixels_within_reach_and_no_others(f, depth):
    apply, _ = built(PyramidEncoder, f, depth)
    far = reach(f, depth)
    token = -(-far // f) + 1
    first, last = seen(apply, picture(1, (2 * token + 1) * f, f, 3), token)
    assert (first, last) == (token * f - far, (token + 1) * f - 1 + far)


@pytest.mark.parametrize(("f", "depth"), [(8, 0), (8, 2), (16, 1)])
def test_a_pixel_is_made_of_the_tokens_within_reach_and_no_others(f, depth):
    apply, _ = built(PyramidDecoder, f, depth)
    far = -(-(reach(f, depth) - PATCH) // f)
    token, cells = far + 1, f // PATCH
    spans = [
        seen(apply, picture(1, 2 * token + 1, 1, LATENT), token * cells + i) for i in range(cells)
    ]
    assert (min(a for a, _ in spans), max(b for _, b in spans)) == (token - far, token + far)


@pytest.mark.parametrize("network", [PyramidEncoder, PyramidDecoder])
@pytest.mark.parametrize("f", [8, 16])
def test_what_lies_outside_of_a_picture_does_not_count(network, f):
    apply, (side, channels) = built(network, f, 1)
    inside = picture(1, 3 * side, 2 * side, channels)
    around = np.pad(inside, ((0, 0), (0, 2 * side), (0, side), (0, 0)))
    if network is PyramidDecoder:  # the encoder's are zero, see `Autoencoder.encode`
        around[:, 3:], around[:, :, 2:] = 9, 9
    mask = np.zeros((1, 5, 3), np.float32)
    mask[:, :3, :2] = 1
    mask[:, 0] /= 2
    expected = apply(inside)
    found = apply(around, mask)[:, : expected.shape[1], : expected.shape[2]]
    np.testing.assert_allclose(found, expected, atol=1e-4 * np.abs(expected).max())


def test_a_masked_autoencoder_sees_the_cropped_picture():
    model, params = started()
    params = noisy(params)
    inside, quality = picture(1, 24, 32, 3), jnp.array([2])
    around = np.pad(inside, ((0, 0), (0, 8), (0, 16), (0, 0)), mode="edge")
    mask = np.zeros((1, 4, 6), np.float32)
    mask[:, :3, :4] = 1
    apply = functools.partial(model.apply, {"params": params})
    expected = apply(inside, method="sub_vectors")
    found = apply(around, mask, method="sub_vectors")
    scale = np.abs(expected).max()
    np.testing.assert_allclose(found[:, :3, :4], expected, atol=1e-5 * scale)
    decoded = apply(expected, quality, method="decode")
    found = apply(found, quality, mask, method="decode")[:, :24, :32]
    np.testing.assert_allclose(found, decoded, atol=1e-5 * np.abs(decoded).max())


def test_it_starts_as_the_linear_transform_alone():
    model, params = started()
    image, quality = picture(1, 24, 16, 3), jnp.array([3])
    analysis, synthesis = (params[f"linear_{name}"] for name in ("analysis", "synthesis"))
    latents = overlapping_patches(image, 8) @ analysis["kernel"] + analysis["bias"]
    found = model.apply({"params": params}, image, method="encode")
    np.testing.assert_allclose(found, latents, atol=1e-5)
    pixels = overlap_add(latents @ synthesis["kernel"] + synthesis["bias"], 8)
    codewords = latents.reshape(1, 3, 2, 3, 2)
    found = model.apply({"params": params}, codewords, quality, method="decode")
    np.testing.assert_allclose(found, pixels, atol=1e-5)


def test_recomputed_blocks_give_the_same_gradients():
    _, params = started()
    params = noisy(params)
    image, quality = picture(1, 16, 16, 3), jnp.array([3])

    def gradients(remat):
        model = build_autoencoder(section(), remat=remat)

        def error(params):
            out = model.apply({"params": params}, image, quality)
            return jnp.mean((out.reconstruction - image) ** 2)

        return jax.jit(jax.grad(error))(params)

    def same(a, b):
        np.testing.assert_allclose(a, b, atol=1e-4 * np.abs(a).max() + 1e-12)

    plain = gradients(False)
    jax.tree.map(same, plain, gradients(True))
    assert np.abs(plain["encoder"]["level_0"]["block_0"]["first"]["kernel"]).max() > 0


@pytest.mark.parametrize(("name", "value"), [("encoder_width", 0), ("decoder_depth", -1)])
def test_impossible_sizes_are_refused(name, value):
    config = ConfigDict({**section(), name: value})
    with pytest.raises(ValueError, match=rf"{name[:7]}_width must be >= 1.*got.*{value}"):
        build_autoencoder(config)


def test_heads_do_not_matter():
    model, _ = started(heads=7)
    assert model.heads == 7
