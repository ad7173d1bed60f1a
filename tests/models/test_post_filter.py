"""The post-filter: what it starts from, how far it reaches, and a picture's borders."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from ml_collections import ConfigDict

from pqmim_jax import Codec
from pqmim_jax.codec import transform
from pqmim_jax.codec.networks import Networks
from pqmim_jax.codec.windows import WindowGrid
from pqmim_jax.model_store import load_model, save_model
from pqmim_jax.models import build_autoencoder
from pqmim_jax.models.post_filter import PostFilter, narrowed, reach
from pqmim_jax.training import default_config
from pqmim_jax.training.random_model import save_random_model, tiny_config

M, WIDTH = 3, 4


@functools.cache
def built(depth):
    """A filter with noise in every parameter, compiled: it starts with a zero."""
    model = PostFilter(WIDTH, depth, M)
    image, quality = jnp.zeros((1, 8, 8, 3)), jnp.ones(1, jnp.int32)
    shapes = jax.eval_shape(model.init, jax.random.key(0), image, quality)["params"]
    rng = np.random.default_rng(0)
    params = jax.tree.map(
        lambda a: jnp.asarray(0.3 * rng.normal(size=a.shape), jnp.float32), shapes
    )
    return jax.jit(functools.partial(model.apply, {"params": params}))


def picture(*shape):
    return np.random.default_rng(1).uniform(-0.5, 0.5, shape).astype(np.float32)


def test_it_starts_as_the_identity():
    model = PostFilter(WIDTH, 2, M)
    image, quality = picture(2, 8, 12, 3), jnp.array([1, M])
    params = model.init(jax.random.key(0), image, quality)
    np.testing.assert_array_equal(model.apply(params, image, quality), image)


@pytest.mark.parametrize("depth", [0, 1, 4])
@pytest.mark.parametrize("offset", [0, 1])
def test_a_pixel_is_felt_up_to_its_reach_and_no_further(depth, offset):
    far = reach(depth)
    size = 2 * far + 8
    middle = size // 2 + offset
    image, quality = picture(1, size, size, 3), jnp.array([2])
    other = image.copy()
    other[0, middle, middle] += 1
    apply = built(depth)
    changed = np.abs(apply(image, quality) - apply(other, quality)).max(axis=(0, 3)) > 0
    rows, columns = np.nonzero(changed)
    distances = np.maximum(np.abs(rows - middle), np.abs(columns - middle))
    assert far - 1 <= distances.max() <= far


def test_each_quality_has_its_own():
    image = picture(1, 8, 8, 3)
    one, two = (np.asarray(built(1)(image, jnp.array([q]))) for q in (1, 2))
    assert np.any(one != two)


def test_what_lies_outside_of_a_picture_does_not_count():
    inside, quality = picture(1, 16, 24, 3), jnp.array([1])
    around = np.pad(inside, ((0, 0), (8, 8), (8, 8), (0, 0)), mode="edge")
    mask = np.zeros((1, 4, 5), np.float32)
    mask[:, 1:3, 1:4] = 1
    filtered = built(4)(around, quality, mask)[:, 8:-8, 8:-8]
    np.testing.assert_allclose(filtered, built(4)(inside, quality), atol=1e-5)


@pytest.mark.parametrize("name", ["post_filter_width", "post_filter_depth"])
def test_negative_sizes_are_refused(name):
    section = default_config.get_config().autoencoder
    section[name] = -1
    with pytest.raises(ValueError, match=f"autoencoder.{name} must be >= 0, got -1"):
        build_autoencoder(section)


def filtered_model(folder, f):
    """A small model with noise in every parameter of its autoencoder."""
    config = tiny_config()
    config.autoencoder.update(post_filter_width=WIDTH, post_filter_depth=4, f=f)
    save_random_model(folder, config)
    stored, rng = load_model(folder), np.random.default_rng(0)
    noisy = jax.tree.map(
        lambda a: (0.2 * rng.normal(size=a.shape)).astype(np.float32), stored.autoencoder
    )
    save_model(folder, stored.config, noisy, stored.mim, stored.counts)
    return load_model(folder)


def drawn(network, name):
    given = network.inputs[name]
    rng = np.random.default_rng(2)
    if given.dtype == np.uint8:
        return rng.integers(0, 256, given.shape, np.uint8)
    return rng.normal(size=given.shape).astype(np.float32)


@pytest.mark.parametrize("f", [8, 16])
def test_tiles_are_filtered_like_the_picture_around_them(tmp_path, monkeypatch, f):
    """The codec cuts pictures before the filter: no closer than it reaches."""
    stored = filtered_model(tmp_path, f)
    monkeypatch.setattr(transform, "MAX_TILE", 64)
    latents = drawn(Networks(stored).decode((9, 14)), "latents")
    codec = Codec.of(stored)
    grid = WindowGrid(9 * f, 14 * f - 5, f, 4, 1)
    found = transform.decode_latents(codec.programs, grid, latents, 1)
    whole = pictures_of(stored, latents, np.ones((9, 14), np.float32))
    expected = np.clip(np.round((whole + 0.5) * 255), 0, 255)[:, :-5]
    assert np.abs(found.astype(float) - expected).max() <= 1
    assert np.ptp(expected) > 100


def pictures_of(stored, latents, mask):
    model = build_autoencoder(ConfigDict(stored.config["autoencoder"]))
    codewords = latents.reshape(1, *mask.shape, model.num_codebooks, -1)
    arguments = codewords, np.ones(1, np.int32), mask[None]
    return model.apply({"params": stored.autoencoder}, *arguments, method="decode")[0]


@pytest.mark.parametrize("inside", [False, True])
def test_what_refinement_follows_lowers_the_error_of_the_filtered_picture(tmp_path, inside):
    stored = filtered_model(tmp_path, 16)
    network = Networks(stored, inside=inside).correct((5, 6))
    image, latents = drawn(network, "image"), drawn(network, "latents")
    mask = np.ones((5, 6), np.float32)
    if not inside:
        mask[4:], mask[:, 3:] = 0, 0
    own = mask == 1
    change = network.function(stored.autoencoder, latents, np.int32(1), image, mask)

    def error(latents):
        picture = np.asarray(pictures_of(stored, latents, mask))
        pixels = np.repeat(np.repeat(own, 16, 0), 16, 1)
        return np.sum((picture - (image / 255 - 0.5))[pixels] ** 2)

    step = 1e-3 * change / np.abs(change).max() * own[..., None]
    assert error(latents + step) < error(latents) < error(latents - step)


def test_a_narrower_one_leaves_out_what_nobody_hears():
    model = PostFilter(WIDTH, 2, M)
    image, quality = picture(1, 16, 16, 3), jnp.array([2])
    rng = np.random.default_rng(0)
    params = model.init(jax.random.key(0), image, quality)["params"]
    params = jax.tree.map(lambda a: np.asarray(0.3 * rng.normal(size=a.shape), np.float32), params)
    for name in ("convolution_0", "convolution_1", "out"):
        params[name]["kernel"][:, :, 1] = 0
    narrow = narrowed(params, WIDTH - 1)
    assert narrow["convolution_1"]["kernel"].shape == (3, 3, WIDTH - 1, WIDTH - 1)
    result = PostFilter(WIDTH - 1, 2, M).apply({"params": narrow}, image, quality)
    expected = model.apply({"params": params}, image, quality)
    np.testing.assert_allclose(result, expected, atol=1e-5)
