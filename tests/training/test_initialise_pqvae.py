"""The closed-form start of stage 1: PCA, water-filling and k-means."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ml_collections import ConfigDict

from pqmim_jax.losses.codebook import commitment_loss
from pqmim_jax.losses.distortion import mse
from pqmim_jax.models import build_autoencoder
from pqmim_jax.training.default_config import get_config
from pqmim_jax.training.initialise_pqvae import deal_components, initialise, kmeans
from pqmim_jax.training.pqvae_loss import to_network

F, M, K, D = 8, 4, 16, 12


def smooth_images(n, side, seed=0):
    """(n, side, side, 3) uint8 with a falling power spectrum, as photographs have."""
    rng = np.random.default_rng(seed)
    frequency = np.hypot(*np.meshgrid(np.fft.fftfreq(side), np.fft.fftfreq(side)))
    spectrum = np.fft.fft2(rng.normal(size=(n, 3, side, side))) / (frequency + 1 / side) ** 1.5
    images = np.fft.ifft2(spectrum).real
    images = images / images.std() + images[:, :1] / images.std()  # channels go together
    return np.uint8(np.clip(128 + 35 * images, 0, 255)).transpose(0, 2, 3, 1)


def untrained():
    """The smallest model, and random parameters of it."""
    section = ConfigDict(get_config().autoencoder)
    section.update(f=F, num_codebooks=M, num_codewords=K, codeword_dim=D, heads=1)
    section.update(encoder_width=8, encoder_depth=0, decoder_width=8, decoder_depth=0)
    model = build_autoencoder(section)
    key = jax.random.key(0, impl="unsafe_rbg")
    return model, jax.jit(model.init)(key, jnp.zeros((1, 16, 16, 3)), jnp.array([1]))["params"]


@pytest.fixture(scope="module")
def start():
    """Model, images, and what it makes of them: outputs at every quality, unquantized picture."""
    model, params = untrained()
    images = smooth_images(24, 64)
    params = initialise(model, params, images, jax.random.key(1), kmeans_steps=10)

    @jax.jit
    def run(images, quality):
        out = model.apply({"params": params}, images, quality)
        unquantized = model.apply({"params": params}, out.sub_vectors, quality, method="decode")
        return out, unquantized

    network_input = to_network(images)
    results = [run(network_input, jnp.full(len(images), q)) for q in range(1, M + 1)]
    return np.asarray(network_input), results


def as_patches(images):
    n, h, w, _ = images.shape
    cells = images.reshape(n, h // F, F, w // F, F, 3).transpose(0, 1, 3, 2, 4, 5)
    return cells.reshape(-1, 3 * F * F).astype(np.float64)


def test_transform_is_the_projection_on_the_principal_components(start):
    images, results = start
    out, unquantized = results[-1]
    patches = as_patches(images)
    centred = patches - patches.mean(0)
    _, _, components = np.linalg.svd(centred, full_matrices=False)
    used = int((np.asarray(out.sub_vectors).reshape(-1, M * D).std(0) > 1e-6).sum())
    assert used >= M
    kept = components[:used]
    expected = centred @ kept.T @ kept + patches.mean(0)
    np.testing.assert_allclose(as_patches(np.asarray(unquantized)), expected, atol=2e-3)


def test_quantization_adds_just_its_error_in_the_latents(start):
    images, results = start
    out, unquantized = results[-1]
    added = commitment_loss(out.sub_vectors, out.codewords, 3 * F * F).mean()
    total = mse(unquantized, images).mean() + added
    np.testing.assert_allclose(mse(out.reconstruction, images).mean(), total, rtol=1e-2)


def test_every_sub_quantizer_betters_the_picture(start):
    images, results = start
    errors = [float(mse(out.reconstruction, images).mean()) for out, _ in results]
    psnr = 10 * np.log10(255**2 / np.array(errors))
    assert (np.diff(psnr) > 0.1).all()
    assert psnr[-1] > psnr[0] + 2


def test_every_codeword_is_used(start):
    out, _ = start[1][-1]
    indices = np.asarray(out.indices).reshape(-1, M)
    assert [len(np.unique(column)) for column in indices.T] == [K] * M


def noisy_clusters(n=200):
    """(n, 2, 1): two clusters in each sub-quantizer, round -10 and 10, and round 3 and 5."""
    rng = np.random.default_rng(0)
    side = rng.integers(0, 2, (n, 2))
    centre = np.where(side, [10.0, 5.0], [-10.0, 3.0])
    return (centre + 0.01 * rng.normal(size=(n, 2)))[..., None].astype(np.float32)


@pytest.mark.parametrize("seed", range(4))
def test_kmeans_finds_separated_clusters(seed):
    vectors = jnp.asarray(noisy_clusters())
    codebooks = np.asarray(kmeans(vectors, 2, jax.random.key(seed), 10))
    found = np.sort(codebooks[..., 0], axis=1)
    np.testing.assert_allclose(found, [[-10, 10], [3, 5]], atol=0.02)


def test_kmeans_lowers_the_distortion_step_by_step():
    vectors = np.random.default_rng(0).normal(size=(300, 2, 3)).astype(np.float32)

    def distortion(steps):
        codebooks = np.asarray(kmeans(jnp.asarray(vectors), 8, jax.random.key(0), steps))
        distances = ((vectors[:, :, None] - codebooks[None]) ** 2).sum(-1)
        return distances.min(-1).sum()

    errors = [distortion(steps) for steps in (0, 1, 2, 8)]
    assert errors[0] > errors[1] > errors[2] > errors[3]
    assert errors[3] < 0.8 * errors[0]


def test_kmeans_with_fewer_vectors_than_codewords_stays_finite():
    vectors = jnp.asarray(noisy_clusters(5))
    codebooks = kmeans(vectors, 8, jax.random.key(0), 3)
    assert codebooks.shape == (2, 8, 1)
    assert np.isfinite(codebooks).all()


@pytest.mark.parametrize("groups", [1, 4, 8, 12])
@pytest.mark.parametrize("max_size", [8, 16, 32])
def test_components_of_a_photograph_like_spectrum_are_dealt_coarse_to_fine(groups, max_size):
    variances = np.arange(1, 193) ** -1.5
    dealt = deal_components(variances, groups, 8.0, max_size)
    assert len(dealt) == groups
    assert all(1 <= len(group) <= max_size for group in dealt)
    flat = [component for group in dealt for component in group]
    assert flat == sorted(set(flat)), "disjoint, in falling order of variance"
    assert flat[0] == 0
    sizes = [len(group) for group in dealt]
    assert sizes == sorted(sizes), "the less each varies, the more of them fill a sub-quantizer"


@settings(deadline=None, max_examples=100)
@given(
    st.lists(st.floats(-20, 20), min_size=12, max_size=60),
    st.integers(1, 12),
    st.floats(1, 10),
    st.integers(1, 20),
)
def test_any_spectrum_fills_every_group_in_order(log_variances, groups, bits, max_size):
    dealt = deal_components(np.exp(sorted(log_variances)[::-1]), groups, bits, max_size)
    assert len(dealt) == groups
    assert all(1 <= len(group) <= max_size for group in dealt)
    flat = [component for group in dealt for component in group]
    assert flat == list(range(len(flat)))


def test_codebooks_reach_rare_pictures_that_are_named():
    """A saturated colour that no image holds: nearest codewords give it back, linear path alone."""
    (model, params), images = untrained(), smooth_images(24, 64)
    green = np.zeros((6, 64, 64, 3), np.uint8) + np.array([0, 255, 0], np.uint8)

    def worst(**rare):
        found = initialise(model, params, images, jax.random.key(1), 5, **rare)
        out = model.apply({"params": found}, to_network(green[:1]), jnp.array([M]))
        inner = np.asarray(out.reconstruction)[0, 16:48, 16:48]
        return 255 * np.abs(inner - np.asarray(to_network(green[0, 16:48, 16:48]))).max()

    assert worst(rare=green) < 0.5 * worst()
