import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pqmim_jax.data import (
    AUGMENTATIONS,
    center_crop,
    make_augmentation,
    random_flip,
    random_resized_crop,
    rescaled_crop,
)

sides = st.integers(1, 90)


def gradient(height, width):
    """Red is the row, green the column: a crop tells where it was cut."""
    rows, columns = np.meshgrid(np.arange(height), np.arange(width), indexing="ij")
    return np.stack([rows, columns, np.full_like(rows, 77)], axis=2).astype(np.uint8)


@settings(deadline=None, max_examples=60)
@given(
    st.sampled_from(AUGMENTATIONS), sides, sides, st.integers(1, 40), st.booleans(), st.integers(0)
)
def test_every_augmentation_gives_uint8_squares_for_any_picture(name, h, w, size, flip, seed):
    augment = make_augmentation(name, size=size, min_scale=0.3, max_scale=0.9, flip=flip)
    image = gradient(h, w)
    out = augment(image, np.random.default_rng(seed))
    assert out.shape == (size, size, 3)
    assert out.dtype == np.uint8
    assert (out[..., 2] == 77).all()
    np.testing.assert_array_equal(image, gradient(h, w))
    np.testing.assert_array_equal(out, augment(image, np.random.default_rng(seed)))


@settings(deadline=None, max_examples=40)
@given(st.integers(64, 250), st.integers(64, 250), st.integers(0))
def test_scale_one_cuts_source_pixels_unchanged(h, w, seed):
    image = gradient(h, w)
    crop = rescaled_crop(image, np.random.default_rng(seed), 64, 1.0, 1.0)
    top, left = crop[0, 0, :2]
    np.testing.assert_array_equal(crop, image[top : top + 64, left : left + 64])


def extent(crop):
    """Source pixels that a crop of a `gradient` spans, vertically and horizontally."""
    size = len(crop)
    span = crop[-1, -1, :2].astype(float) - crop[0, 0, :2]
    return span * size / (size - 1)


def test_rescaled_crop_scales_are_log_uniform_and_keep_the_aspect_ratio():
    rng = np.random.default_rng(0)
    spans = np.array(
        [extent(rescaled_crop(gradient(200, 256), rng, 50, 0.25, 1.0)) for _ in range(400)]
    )
    assert np.abs(spans[:, 0] - spans[:, 1]).max() <= 3
    octaves = np.log2(spans.mean(axis=1) / 50)
    assert octaves.min() == pytest.approx(0, abs=0.1)
    assert octaves.max() == pytest.approx(2, abs=0.1)
    assert np.mean(octaves < 1) == pytest.approx(0.5, abs=0.08)


def test_rescaled_crop_raises_the_scale_only_as_far_as_the_picture_needs():
    rng = np.random.default_rng(0)
    whole_height = rescaled_crop(gradient(100, 150), rng, 50, 0.1, 0.1)
    np.testing.assert_allclose(extent(whole_height), 100, atol=3)
    enlarged = rescaled_crop(gradient(20, 150), rng, 50, 0.1, 1.0)
    np.testing.assert_allclose(extent(enlarged), 20, atol=3)


def test_shrinking_is_antialiased():
    stripes = np.zeros((128, 128, 3), np.uint8)
    stripes[:, ::2] = 255
    crop = rescaled_crop(stripes, np.random.default_rng(0), 32, 0.25, 0.25)
    inside = crop[:, 2:-2].astype(int)  # a filter that reaches past the border is cut off there
    assert np.abs(inside - 127).max() <= 2


def test_random_resized_crop_covers_the_requested_share_of_the_area():
    rng = np.random.default_rng(0)
    image = gradient(160, 240)
    for _ in range(50):
        height, width = extent(random_resized_crop(image, rng, 64, area=(0.2, 0.4)))
        assert 0.17 <= height * width / (160 * 240) <= 0.43
        assert 0.7 <= width / height <= 1.43


def test_center_crop_takes_the_middle():
    np.testing.assert_array_equal(center_crop(gradient(10, 9), 4), gradient(10, 9)[3:7, 2:6])


def test_center_crop_mirrors_small_pictures_on_both_sides():
    rows = center_crop(gradient(4, 30), 8)[:, 0, 0]
    np.testing.assert_array_equal(rows, [2, 1, 0, 1, 2, 3, 2, 1])


def test_flip_mirrors_half_of_the_pictures():
    image, rng = gradient(5, 8), np.random.default_rng(0)
    flipped = 0
    for _ in range(200):
        out = random_flip(image, rng)
        flipped += out[0, 0, 1] == 7
        assert np.array_equal(out, image) or np.array_equal(out, image[:, ::-1])
    assert 70 <= flipped <= 130


def test_unknown_augmentation_lists_the_choices():
    with pytest.raises(ValueError, match=r"'crop'; choices: .*random_resized_crop, center_crop"):
        make_augmentation("crop", size=8)


@pytest.mark.parametrize("scales", [(0, 1), (0.8, 0.5), (0.5, 1.5)])
def test_scales_out_of_range_are_refused_before_the_first_picture(scales):
    with pytest.raises(ValueError, match="0 < min_scale <= max_scale <= 1"):
        make_augmentation("rescaled_crop", size=8, min_scale=scales[0], max_scale=scales[1])
