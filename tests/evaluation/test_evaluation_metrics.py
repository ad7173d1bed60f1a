import numpy as np
import pytest

from pqmim_jax.evaluation.metrics import (
    bits_per_pixel,
    codebook_perplexity,
    psnr,
    psnr_at_rate,
)


def flat(value, height=8, width=8):
    return np.full((height, width, 3), value, np.uint8)


@pytest.mark.parametrize(
    "a, b, expected",
    [(0, 255, 0.0), (100, 101, 48.1308), (10, 0, 28.1308), (7, 7, float("inf"))],
)
def test_psnr_of_flat_pictures(a, b, expected):
    assert psnr(flat(a), flat(b)) == pytest.approx(expected, abs=1e-4)


def test_psnr_counts_all_three_channels_and_does_not_wrap_around():
    other = flat(0)
    other[..., 1] = 255  # one channel in three is wrong by all there is
    assert psnr(flat(0), other) == pytest.approx(10 * np.log10(3))


@pytest.mark.parametrize("other", [flat(0, 8, 9), flat(0).astype(np.int32)])
def test_psnr_refuses_other_shapes_and_types(other):
    with pytest.raises(ValueError, match="uint8"):
        psnr(flat(0), other)


def test_bits_per_pixel():
    assert bits_per_pixel(12, flat(0, 4, 6)) == 4.0


def test_psnr_at_rate_is_linear_in_the_logarithm_of_the_rate():
    curve = [(0.4, 34.0), (0.1, 30.0)]
    assert psnr_at_rate(0.2, curve) == pytest.approx(32.0)
    assert psnr_at_rate(0.1, curve) == 30.0
    assert psnr_at_rate(0.4, curve) == 34.0


@pytest.mark.parametrize("bpp", [0.09, 0.41])
def test_psnr_at_rate_is_silent_outside_the_curve(bpp):
    assert psnr_at_rate(bpp, [(0.1, 30.0), (0.4, 34.0)]) is None


def test_perplexity_is_the_number_of_codewords_that_are_alike_often():
    even = np.arange(24).reshape(4, 6) % 8
    once = np.full((4, 6), 7)
    uneven = np.repeat([0, 1, 2], [12, 6, 6]).reshape(4, 6)
    found = codebook_perplexity(np.stack([even, once, uneven], -1), 8)
    np.testing.assert_allclose(found, [8, 1, 2**1.5])


@pytest.mark.parametrize("indices", [[[8]], [[-1]], np.zeros((0, 2), int)], ids=str)
def test_perplexity_needs_indices_in_range(indices):
    with pytest.raises(ValueError, match=r"all in \[0, 8\)"):
        codebook_perplexity(np.array(indices), 8)
