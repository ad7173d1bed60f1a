"""The autoencoder in regions makes what it makes of a picture in one region."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pqmim_jax import model_store
from pqmim_jax.codec import program_set, transform
from pqmim_jax.codec.programs import Programs
from pqmim_jax.codec.windows import WindowGrid


def sharpened(params, rng):
    """Random weights that let statistics over tokens decide about every latent and pixel.

    Filters keep their centre only, so that what reaches over a region's border is the half token
    of the linear path, which the halo covers.
    """
    sharp = {}
    for name, value in params.items():
        if isinstance(value, dict):
            sharp[name] = sharpened(value, rng)
        elif name == "kernel" and value.ndim > 2:
            sharp[name] = np.zeros_like(value)
            sharp[name][1, 1] = rng.normal(size=value.shape[2:]) / np.sqrt(value.shape[2])
        elif name == "kernel":
            sharp[name] = rng.normal(size=value.shape).astype(np.float32) / value.shape[0] ** 0.5
        else:
            sharp[name] = np.full_like(value, 3.0) if name == "temperature" else value
            sharp[name] = np.ones_like(value) if name.endswith("_scale") else sharp[name]
    return sharp


def conv_model(model):
    """`model` with a random `conv` autoencoder for f = 8, without blocks but the coarsest."""
    import jax
    import jax.numpy as jnp
    from ml_collections import ConfigDict

    from pqmim_jax.models import build_autoencoder

    section = dict(model.config["autoencoder"], backbone="conv", f=8)
    section |= dict(encoder_width=8, encoder_depth=0, decoder_width=8, decoder_depth=0)
    network = build_autoencoder(ConfigDict(section))
    image, quality = jnp.zeros((1, 16, 16, 3)), jnp.ones(1, jnp.int32)
    shapes = jax.eval_shape(network.init, jax.random.key(0), image, quality)["params"]
    params = jax.tree.map(lambda a: np.full(a.shape, 0.5, a.dtype), shapes)
    return dataclasses.replace(
        model, config={**model.config, "autoencoder": section}, autoencoder=params
    )


@pytest.fixture(scope="module", params=["xcit", "conv"])
def model(request, tiny_model):
    stored = model_store.load_model(tiny_model)
    stored = conv_model(stored) if request.param == "conv" else stored
    params = sharpened(stored.autoencoder, np.random.default_rng(0))
    return dataclasses.replace(stored, autoencoder=params)


@pytest.fixture(scope="module")
def programs(model):
    return Programs(model)


@pytest.fixture
def tiled(monkeypatch):
    """Makes regions small: four of 12 x 12 tokens of which 8 x 8 are their own."""
    monkeypatch.setattr(transform, "MAX_REGION", 144)
    monkeypatch.setattr(transform, "MAX_TILE", 36)


def grid_of(programs, image):
    return WindowGrid(*image.shape[:2], programs.f, programs.window, 1)


@pytest.fixture(scope="module")
def image(model):
    """16 x 16 tokens that differ from region to region in brightness and contrast."""
    side = 16 * model.config["autoencoder"]["f"]
    noise = np.random.default_rng(1).normal(size=(side, side, 3))
    slope = np.linspace(0, 1, side)
    return np.clip(40 + 150 * slope[:, None, None] + 60 * slope[:, None] * noise, 0, 255).astype(
        np.uint8
    )


def both_ways(programs, image, latents=None):
    """Latents of an image, and the picture of latents (its own by default)."""
    grid = grid_of(programs, image)
    own = transform.encode_latents(programs, grid, image)
    codewords = (own if latents is None else latents).reshape(*grid.tokens, 4, -1)
    return own, transform.decode_latents(programs, grid, codewords, 4)


def test_regions_equal_the_whole(programs, image, request):
    latents, picture = both_ways(programs, image)
    request.getfixturevalue("tiled")
    in_regions, tiled_picture = both_ways(programs, image, latents)
    assert picture.std() > 10
    np.testing.assert_allclose(in_regions, latents, atol=2e-3 * np.abs(latents).max())
    assert np.abs(tiled_picture.astype(int) - picture).max() <= 1


def test_a_part_by_itself_would_not(programs, image):
    latents, picture = both_ways(programs, image)
    corner = image[: len(image) // 2, : len(image) // 2]
    in_part, alone = both_ways(programs, corner, latents[:8, :8])
    inner = (slice(None, -programs.f // 2),) * 2  # the rest sees the neighbours
    assert np.abs(in_part[:7, :7] - latents[:7, :7]).max() > 0.02 * np.abs(latents).max()
    assert np.abs(alone.astype(int) - picture[: len(corner), : len(corner)])[inner].max() > 5


@pytest.fixture(scope="module")
def pyramid(pyramid_model):
    """Its halo covers all that it reaches, and a filter behind it."""
    stored = model_store.load_model(pyramid_model)
    assert program_set.autoencoder_halo(stored.config["autoencoder"]) < program_set.AUTOENCODER_HALO
    return stored


def test_regions_of_a_pyramid_are_the_picture_and_keep_nothing(pyramid, monkeypatch):
    image = np.random.default_rng(1).integers(0, 256, (250, 500, 3), dtype=np.uint8)
    latents, picture = both_ways(Programs(pyramid), image)
    monkeypatch.setattr(transform, "MAX_REGION", 100)
    monkeypatch.setattr(transform, "MAX_TILE", 16)
    programs = Programs(pyramid, threads=2)
    assert programs.encode((12, 12)).rest == programs.decode((12, 12)).rest == []
    in_regions, tiled_picture = both_ways(programs, image, latents)
    assert picture.std() > 10
    np.testing.assert_allclose(in_regions, latents, atol=1e-5 * np.abs(latents).max())
    assert np.abs(tiled_picture.astype(int) - picture).max() <= 1
    monkeypatch.setattr(programs, "autoencoder_halo", 1)
    shortsighted, _ = both_ways(programs, image)
    assert np.abs(shortsighted - latents).max() > 1e-3 * np.abs(latents).max()


@pytest.mark.usefixtures("tiled")
def test_neither_threads_nor_sampling_order_change_a_bit(model, image, monkeypatch):
    monkeypatch.setattr(transform, "MAX_SAMPLED", 3)
    wide = np.concatenate([image, image[::-1]], axis=1)
    results = [both_ways(Programs(model, threads), wide) for threads in (1, 3)]
    for one, three in zip(*results, strict=True):
        np.testing.assert_array_equal(one, three)


@pytest.mark.usefixtures("tiled")
def test_memory_for_regions_at_once_is_bounded(programs, image, monkeypatch):
    kept = []
    state_bytes = programs.encode((12, 12)).state_bytes
    monkeypatch.setattr(transform, "MAX_STATE_BYTES", 2 * state_bytes)
    monkeypatch.setattr(transform, "_total", lambda sums: kept.append(len(sums)) or sums[0])
    transform.encode_latents(programs, grid_of(programs, image), image)
    assert set(kept) == {2}


def test_shapes_are_few(programs):
    shapes = set()
    for h in range(1, 60):
        regions = transform.regions_of(programs, (h, 2 * h), 4, 2048, transform.STEP)
        shapes |= {region.shape for region in regions}
    assert len(shapes) < 30
    assert all(n % transform.STEP == 0 for shape in shapes for n in shape)


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 60), st.integers(1, 60), st.integers(1, 64))
def test_sample_is_spread_over_rows_and_columns(height, width, n):
    sample = transform._sample(height * width, n)
    assert len(set(sample)) == len(sample) == min(n, height * width)
    assert sample == sorted(sample)
    if n == 64 and len(sample) == 64:
        for axis, size in enumerate((height, width)):
            assert len({divmod(i, width)[axis] for i in sample}) >= min(size, 8)
