import numpy as np
import pytest
from PIL import Image

from pqmim_jax.evaluation import baselines
from pqmim_jax.evaluation.metrics import (
    bits_per_pixel,
    codebook_perplexity,
    psnr,
    psnr_at_rate,
    static_bits,
)


def flat(value, height=8, width=8):
    return np.full((height, width, 3), value, np.uint8)


def smooth_photo(height=96, width=128):
    rows, columns = np.mgrid[:height, :width] / 20
    waves = [np.sin(rows + shift) * np.cos(columns - shift) for shift in (0, 1, 2)]
    noise = np.random.default_rng(0).normal(0, 6, (height, width, 3))
    return np.clip(np.stack(waves, -1) * 90 + 128 + noise, 0, 255).astype(np.uint8)


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


def test_static_bits_under_uniform_counts_are_log2_k():
    indices = np.random.default_rng(0).integers(0, 16, (3, 5, 2))
    assert static_bits(np.full((4, 16), 1000), indices) == pytest.approx(3 * 5 * 2 * 4)


def test_static_bits_use_each_codebooks_own_frequencies():
    counts = np.array([[3 * 2**20, 2**20], [2**20, 3 * 2**20]])
    zeros = np.zeros((1, 1, 2), np.int64)
    assert static_bits(counts, zeros) == pytest.approx(np.log2(4 / 3) + 2, abs=1e-3)
    assert static_bits(counts, zeros[..., :1]) == pytest.approx(np.log2(4 / 3), abs=1e-3)


def test_psnr_at_rate_is_linear_in_the_logarithm_of_the_rate():
    curve = [(0.4, 34.0), (0.1, 30.0)]
    assert psnr_at_rate(0.2, curve) == pytest.approx(32.0)
    assert psnr_at_rate(0.1, curve) == 30.0
    assert psnr_at_rate(0.4, curve) == 34.0


@pytest.mark.parametrize("bpp", [0.09, 0.41])
def test_psnr_at_rate_is_silent_outside_the_curve(bpp):
    assert psnr_at_rate(bpp, [(0.1, 30.0), (0.4, 34.0)]) is None


@pytest.mark.parametrize("name", baselines.BASELINES)
def test_baseline_points_are_means_over_pictures(name, tmp_path):
    baseline = baselines.BASELINES[name]
    images = [smooth_photo(), smooth_photo()[:48]]
    points = baselines.measure(baseline, images)
    assert [p["quality"] for p in points] == list(baseline.qualities)
    assert points[0]["bpp"] < points[-1]["bpp"]
    assert points[0]["psnr"] < points[-1]["psnr"]

    rates, distortions = [], []
    for i, image in enumerate(images):
        path = tmp_path / f"{i}.{name}"
        Image.fromarray(image).save(
            path, quality=50, **({"method": 6} if name == "webp" else {"optimize": True})
        )
        rates.append(path.stat().st_size * 8 / image[..., 0].size)
        decoded = np.asarray(Image.open(path).convert("RGB"), np.float64)
        distortions.append(-10 * np.log10(np.mean((decoded - image) ** 2) / 65025))
    [at_50] = [p for p in points if p["quality"] == 50]
    assert at_50["bpp"] == pytest.approx(np.mean(rates))
    assert at_50["psnr"] == pytest.approx(np.mean(distortions))


def test_nearest_jpeg_is_no_further_off_than_any_other():
    jpeg, image = baselines.BASELINES["jpeg"], smooth_photo()
    sizes = {q: len(baselines.encode(jpeg, image, q)) for q in range(1, 96)}
    for target in (10, sizes[20] + 3, sizes[60] - 1, 10**6):
        quality, data = baselines.nearest_in_size(jpeg, image, target)
        assert len(data) == sizes[quality]
        assert abs(len(data) - target) == min(abs(size - target) for size in sizes.values())


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
