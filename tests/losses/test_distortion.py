import jax
import numpy as np
import pytest

from pqmim_jax.losses.distortion import charbonnier, distortion, mse, one_minus_ms_ssim

ms_ssim_loss = jax.jit(one_minus_ms_ssim)


def smooth_picture(seed=0, side=176):
    """(1, side, side, 3) in [-0.5, 0.5]: waves of a few periods and orientations."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side] / side
    image = np.zeros((side, side, 3))
    for frequency in (2, 5, 11, 23):
        angle, phase = rng.uniform(0, 2 * np.pi, (2, 3))
        wave = x[..., None] * np.cos(angle) + y[..., None] * np.sin(angle)
        image += np.sin(2 * np.pi * frequency * wave + phase) / 9
    return image[None].astype(np.float32)


def distorted(image, sigma, seed=1):
    noise = np.random.default_rng(seed).normal(size=image.shape) * sigma
    return (image + noise).astype(np.float32)


def reference_ms_ssim(a, b):
    """MS-SSIM of one pair (H, W, 3) on a 0..1 scale, per Wang, Simoncelli and Bovik 2003."""
    taps = np.exp(-((np.arange(11) - 5.0) ** 2) / (2 * 1.5**2))
    window = np.outer(taps, taps) / taps.sum() ** 2

    def blur(x):
        patches = np.lib.stride_tricks.sliding_window_view(x, (11, 11), (0, 1))
        return np.einsum("hwcij,ij->hwc", patches, window)

    similarity = np.ones(3)
    for scale, weight in enumerate((0.0448, 0.2856, 0.3001, 0.2363, 0.1333)):
        mu_a, mu_b = blur(a), blur(b)
        cov = blur(a * b) - mu_a * mu_b
        variances = blur(a * a) - mu_a**2 + blur(b * b) - mu_b**2
        structure = (2 * cov + 9e-4) / (variances + 9e-4)
        if scale == 4:
            structure = structure * (2 * mu_a * mu_b + 1e-4) / (mu_a**2 + mu_b**2 + 1e-4)
        similarity *= structure.mean((0, 1)) ** weight
        even = len(a) // 2 * 2
        a, b = (x[:even, :even].reshape(even // 2, 2, -1, 2, 3).mean((1, 3)) for x in (a, b))
    return similarity.mean()


def test_mse_is_in_squared_8_bit_units():
    image = np.zeros((3, 4, 5, 3), np.float32)
    other = image.copy()
    other[1] += 10 / 255
    other[2, 0, 0, 0] = 60 / 255
    np.testing.assert_allclose(mse(other, image), [0, 100, 60], rtol=1e-5)


def test_ms_ssim_of_identical_pictures_is_one():
    image = smooth_picture()
    np.testing.assert_allclose(ms_ssim_loss(image, image), [0], atol=1e-6)


def test_ms_ssim_is_symmetric_and_falls_with_the_distortion():
    image = smooth_picture()
    losses = []
    for sigma in (0.01, 0.05, 0.2):
        other = distorted(image, sigma)
        losses.append(float(ms_ssim_loss(other, image)[0]))
        np.testing.assert_allclose(ms_ssim_loss(image, other), [losses[-1]], atol=1e-6)
    assert 0 < losses[0] < losses[1] < losses[2] < 1


@pytest.mark.parametrize("sigma", [0.005, 0.02])
def test_ms_ssim_equals_a_direct_computation(sigma):
    image = smooth_picture()
    other = distorted(image, sigma) * 0.9
    expected = reference_ms_ssim(other[0] + 0.5, image[0] + 0.5)
    np.testing.assert_allclose(1 - ms_ssim_loss(other, image), [expected], atol=1e-4)


@pytest.mark.parametrize("shape", [(1, 160, 400, 3), (1, 400, 160, 3)])
def test_ms_ssim_refuses_pictures_too_small_for_five_scales(shape):
    image = np.zeros(shape, np.float32)
    with pytest.raises(ValueError, match="at least 161 pixels"):
        one_minus_ms_ssim(image, image)


def test_distortions_by_name():
    assert distortion("mse") is mse
    assert distortion("ms_ssim") is one_minus_ms_ssim
    with pytest.raises(ValueError, match=r"'lpips'.*mse, ms_ssim"):
        distortion("lpips")


def test_charbonnier_is_the_absolute_error_of_large_and_the_squared_of_small_differences():
    zero = np.zeros((1, 4, 4, 3), np.float32)
    assert charbonnier(zero, zero) == 0
    assert charbonnier(zero + 0.2, zero) == pytest.approx(0.2 * 255, rel=0.01)
    small = 1e-4  # a tenth of the rounding at 0
    assert charbonnier(zero + small, zero) == pytest.approx(255 * small**2 / 2e-3, rel=0.02)
    gradient = jax.grad(lambda image: charbonnier(image, zero).sum())(zero)
    assert not np.any(gradient)
