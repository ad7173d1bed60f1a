import itertools
import math

import numpy as np
import pytest

from pqmim_jax.data import center_crop, synthetic_picture
from pqmim_jax.data.synthetic import (
    bilinear_gradient,
    flat_pictures,
    linear_gradient,
    radial_gradient,
    with_synthetic,
)

RED_TO_SKY = ([200, 30, 10], [90, 160, 250])


def pictures(count, size=64):
    rng = np.random.default_rng(0)
    return [synthetic_picture(size, rng) for _ in range(count)]


@pytest.mark.parametrize("size", [1, 2, 7, 24, 352])
def test_a_picture_of_any_size_is_a_function_of_the_generator(size):
    one, other = np.random.default_rng(3), np.random.default_rng(3)
    drawn = [synthetic_picture(size, one) for _ in range(20)]
    for picture in drawn:
        assert picture.shape == (size, size, 3)
        assert picture.dtype == np.uint8
        np.testing.assert_array_equal(picture, synthetic_picture(size, other))
    assert len({picture.tobytes() for picture in drawn}) > 10


def test_flat_pictures_are_greys_corners_of_the_cube_and_other_colours():
    drawn = pictures(600)
    flat = np.array([each[0, 0] for each in drawn if (each == each[0, 0]).all()])
    assert 0.2 < len(flat) / len(drawn) < 0.35
    corner = np.isin(flat, (0, 255)).all(-1)
    grey = (flat == flat[:, :1]).all(-1) & ~corner
    for share in (corner.mean(), grey.mean(), 1 - corner.mean() - grey.mean()):
        assert 0.2 < share < 0.5
    assert len(np.unique(flat[corner], axis=0)) == 8


def test_gradients_are_steep_and_faint():
    spans = []
    for each in pictures(600):
        levels = each.astype(int)
        steps = max(np.abs(np.diff(levels, axis=axis)).max() for axis in (0, 1))
        if 0 < steps < 16:
            spans.append(np.ptp(levels, axis=(0, 1)).max())
    assert len(spans) > 100
    assert 0.2 < np.mean(np.array(spans) <= 80) < 0.8


def test_text_is_dark_on_light_light_on_dark_and_coloured():
    papers = []
    for each in pictures(600):
        edges = np.abs(np.diff(each.astype(int), axis=1)).max(-1) > 64
        if edges.mean() > 0.1:
            papers.append(np.median(each, axis=(0, 1)))
    papers = np.array(papers)
    light, dark = (papers > 190).all(-1), (papers < 64).all(-1)
    assert len(papers) > 60
    for share in (light.mean(), dark.mean(), 1 - light.mean() - dark.mean()):
        assert share > 0.15


def test_a_linear_gradient_takes_the_nearest_levels():
    start, end = map(np.array, RED_TO_SKY)
    found = linear_gradient(5, 100, 0.0, start, end)
    exact = start + np.arange(100)[:, None] / 99 * (end - start)
    assert np.abs(found - exact).max() <= 0.5
    np.testing.assert_array_equal(found[0, [0, -1]], RED_TO_SKY)


@pytest.mark.parametrize("turns", range(4))
def test_pixels_across_a_gradient_at_a_right_angle_are_equal(turns):
    # Of 2 levels a step of 4 pixels, half of the pixels lie between two levels.
    found = linear_gradient(257, 257, turns * math.pi / 2, [0, 0, 0], [128, 64, 255])
    turned = np.rot90(found, turns)
    np.testing.assert_array_equal(turned, np.broadcast_to(turned[:1], turned.shape))
    np.testing.assert_array_equal(turned[0, [0, -1]], [[0, 0, 0], [128, 64, 255]])


def test_a_radial_gradient_depends_on_the_distance():
    found = radial_gradient(40, 40, (0.5, 0.5), *RED_TO_SKY)
    np.testing.assert_array_equal(found[20, 20], RED_TO_SKY[0])
    np.testing.assert_array_equal(found[0, 0], RED_TO_SKY[1])
    np.testing.assert_array_equal(found, found.swapaxes(0, 1))
    assert (np.diff(found[20, 20:, 2].astype(int)) >= 0).all()


def test_a_bilinear_gradient_has_its_corners():
    corners = np.array([[[0, 0, 0], [255, 0, 3]], [[0, 255, 7], [255, 255, 255]]])
    found = bilinear_gradient(9, 17, corners)
    np.testing.assert_array_equal(found[[[0, 0], [-1, -1]], [[0, -1], [0, -1]]], corners)
    np.testing.assert_array_equal(found[4, 8], [128, 128, 66])  # 127.5 rounds to even


def test_without_a_share_not_one_random_number_more_is_drawn():
    photograph = np.arange(300, dtype=np.uint8).reshape(10, 10, 3)
    rng, untouched = np.random.default_rng(5), np.random.default_rng(5)
    crop = with_synthetic(lambda image, _: center_crop(image, 4), 4, 0.0)(photograph, rng)
    np.testing.assert_array_equal(crop, photograph[3:7, 3:7])
    assert rng.bit_generator.state == untouched.bit_generator.state


@pytest.mark.parametrize("share", [0.3, 1.0])
def test_a_share_is_the_probability_of_a_synthetic_picture(share):
    rng = np.random.default_rng(0)
    marked = np.full((8, 8, 3), (1, 2, 3), np.uint8)
    augment = with_synthetic(lambda image, _: image, 8, share)
    kept = np.mean([augment(marked, rng) is marked for _ in range(500)])
    assert abs(kept - (1 - share)) < 0.06


def test_flat_pictures_are_a_grid_of_colours_with_the_corners_of_the_cube():
    pictures = flat_pictures(4)
    assert pictures.shape == (125, 4, 4, 3) and pictures.dtype == np.uint8
    assert (pictures == pictures[:, :1, :1]).all()
    colours = {tuple(map(int, picture[0, 0])) for picture in pictures}
    assert len(colours) == 125
    assert set(itertools.product((0, 255), repeat=3)) <= colours
