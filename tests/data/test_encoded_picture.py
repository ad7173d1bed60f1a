"""Decoding only as far as a crop needs: against decoding everything."""

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from pqmim_jax.data import (
    AUGMENTATIONS,
    DataError,
    EncodedPicture,
    decode_image,
    make_augmentation,
    open_source,
)
from pqmim_jax.data.decode import Window, resize_window


def smooth_picture(height, width, seed=0):
    """Without detail much finer than 20 pixels, so that good filters shrink it alike."""
    shape = (2 + height // 20, 2 + width // 20, 3)
    coarse = np.random.default_rng(seed).integers(0, 256, shape, np.uint8)
    return Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)


def encoded(image, form="JPEG", **options):
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


def gradient(height, width):
    """Red is the row, green the column: a crop tells where it was cut."""
    rows, columns = np.meshgrid(np.arange(height), np.arange(width), indexing="ij")
    return Image.fromarray(np.stack([rows, columns, 0 * rows], axis=2).astype(np.uint8))


@settings(deadline=None, max_examples=50)
@given(st.data())
def test_a_shrunk_window_of_a_jpeg_is_cut_where_it_should_be(data):
    height, width = (data.draw(st.integers(64, 250)) for _ in range(2))
    rows, columns = data.draw(st.integers(32, height)), data.draw(st.integers(32, width))
    top = data.draw(st.integers(0, height - rows))
    left = data.draw(st.integers(0, width - columns))
    out = [data.draw(st.integers(8, 32)) for _ in range(2)]
    picture = EncodedPicture(encoded(gradient(height, width), quality=98, subsampling=0))
    assert picture.shape == (height, width, 3)
    crop = resize_window(picture, Window(top, left, rows, columns), *out)
    assert crop.shape == (*out, 3)
    assert crop.dtype == np.uint8
    at_row = top + (np.arange(out[0]) + 0.5) * rows / out[0] - 0.5
    at_column = left + (np.arange(out[1]) + 0.5) * columns / out[1] - 0.5
    inside = np.s_[1:-1, 1:-1]  # where no filter is cut off
    red, green = np.abs(crop[..., 0] - at_row[:, None]), np.abs(crop[..., 1] - at_column)
    assert red[inside].max() < 3
    assert abs((crop[..., 0] - at_row[:, None])[inside].mean()) < 0.7
    assert green[inside].max() < 3
    assert abs((crop[..., 1] - at_column)[inside].mean()) < 0.7


def test_a_shrunk_window_of_a_jpeg_looks_like_that_of_the_whole_picture():
    data, window = encoded(smooth_picture(300, 400)), Window(10, 20, 280, 350)
    picture, whole = EncodedPicture(data), decode_image(data)
    for side in (30, 60, 120):
        crop = resize_window(picture, window, side, side)
        expected = resize_window(whole, window, side, side).astype(int)
        assert 0 < np.abs(crop - expected).mean() < 3
        np.testing.assert_array_equal(crop, resize_window(picture, window, side, side))


@pytest.mark.parametrize("augmentation", AUGMENTATIONS)
@pytest.mark.parametrize(
    "data",
    [
        encoded(smooth_picture(90, 120)),  # a crop that shrinks less than by 2
        encoded(smooth_picture(300, 400), "PNG"),
        encoded(smooth_picture(300, 400).convert("L")),
        encoded(smooth_picture(300, 400).convert("CMYK")),
    ],
    ids=["small", "png", "grey", "cmyk"],
)
def test_all_other_crops_equal_those_of_the_whole_picture(augmentation, data):
    augment = make_augmentation(augmentation, size=64, min_scale=0.6, flip=True)
    for seed in range(10):
        expected = augment(decode_image(data), np.random.default_rng(seed))
        crop = augment(EncodedPicture(data), np.random.default_rng(seed))
        np.testing.assert_array_equal(crop, expected)


def test_exif_orientation_is_applied():
    exif = Image.Exif()
    exif[0x0112] = 6
    data = encoded(smooth_picture(300, 400), exif=exif)
    picture = EncodedPicture(data)
    assert picture.shape == (400, 300, 3)
    crop = picture.resize_window(Window(0, 0, 400, 300), 50, 50)
    np.testing.assert_array_equal(
        crop, resize_window(decode_image(data), Window(0, 0, 400, 300), 50, 50)
    )


def test_damage_is_reported_with_the_name_of_the_picture(tmp_path):
    whole = encoded(smooth_picture(300, 400), quality=98)
    cut = EncodedPicture(whole[: len(whole) // 2], "record 7")
    with pytest.raises(DataError, match="cannot decode record 7"):
        cut.resize_window(Window(0, 0, 300, 400), 50, 50)
    with pytest.raises(DataError, match="cannot decode picture"):
        EncodedPicture(b"this is text")
    with pytest.raises(DataError, match=r"gone\.jpg"):
        EncodedPicture(tmp_path / "gone.jpg")


def test_a_source_offers_its_pictures_encoded(image_folder):
    source = open_source(f"folder:{image_folder}")
    assert len(source.encoded) == len(source)
    assert [picture.shape for picture in source.encoded] == [image.shape for image in source]
    with pytest.raises(IndexError):
        source.encoded[-1]
