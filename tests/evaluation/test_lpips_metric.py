import numpy as np
import pytest

from pqmim_jax.evaluation.perceptual import LpipsMetric, ms_ssim


def picture(height, width, seed=0):
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (height // 8 + 1, width // 8 + 1, 3))
    smooth = np.kron(coarse, np.ones((8, 8, 1)))[:height, :width]
    return np.clip(smooth + rng.normal(0, 10, smooth.shape), 0, 255).astype(np.uint8)


@pytest.mark.parametrize(("trunk", "height"), [("alexnet", 497), ("alexnet", 512), ("vgg16", 425)])
def test_bands_change_nothing(trunk, height):
    image, other = picture(height, 32), picture(height, 32, seed=1)
    whole = LpipsMetric(trunk)(image, other)
    banded = LpipsMetric(trunk, band_pixels=160 * 32)(image, other)
    assert banded == pytest.approx(whole, rel=1e-5)


def test_a_band_holds_no_more_rows_than_it_must(monkeypatch):
    metric = LpipsMetric(band_pixels=64 * 40)
    rows = []

    def record(params, image, other, bands):
        rows.append(image.shape[1])
        return np.zeros(5)

    monkeypatch.setattr(metric, "_sums", record)
    metric(picture(1000, 40), picture(1000, 40))
    assert len(rows) == -(-1000 // 64)
    assert max(rows) == 64 + 2 * 128


def test_pictures_too_small_for_the_network_have_no_value():
    metric = LpipsMetric("alexnet")
    assert metric(picture(30, 80), picture(30, 80)) is None
    assert metric(picture(31, 31), picture(31, 31)) == pytest.approx(0, abs=1e-12)


def test_pictures_too_small_for_five_scales_have_no_ms_ssim():
    assert ms_ssim(picture(160, 300), picture(160, 300)) is None


def test_ms_ssim_of_equal_pictures_is_one():
    image = picture(161, 176)
    assert ms_ssim(image, image) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("metric", [ms_ssim, LpipsMetric("alexnet")])
def test_other_shapes_and_types_are_refused(metric):
    image = picture(176, 176)
    for a, b in ((image, image[1:]), (image, image / 255), (image[..., 0], image[..., 0])):
        with pytest.raises(ValueError, match=r"need (uint8|pictures of one shape)"):
            metric(a, b)
