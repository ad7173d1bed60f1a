"""Pictures as files of every suffix, and read again."""

import warnings

import numpy as np
import pytest
from PIL import Image, ImageCms

from pqmim_jax.images import (
    OUTPUT_SUFFIXES,
    ImageError,
    Picture,
    PictureWarning,
    check_output_suffix,
    encode_image,
    encode_picture,
    read_picture,
)

SHAPES = {"L": (20, 30), "LA": (20, 30, 2), "RGB": (20, 30, 3), "RGBA": (20, 30, 4)}
# What a lossless format makes of each kind of pixels, in the order of SHAPES.
BECOMES = {
    ".png": ("L", "LA", "RGB", "RGBA"),
    ".tif": ("L", "LA", "RGB", "RGBA"),
    ".tiff": ("L", "LA", "RGB", "RGBA"),
    ".webp": ("RGB", "RGBA", "RGB", "RGBA"),
    ".bmp": ("L", "L", "RGB", "RGB"),
    ".ppm": ("RGB", "RGB", "RGB", "RGB"),
    ".pgm": ("L", "L", None, None),
}


def as_mode(pixels, mode):
    """Pixels as float, the way that a format without some of its channels should show them."""
    pixels = pixels[..., None] if pixels.ndim == 2 else pixels
    colour, alpha = pixels, None
    if pixels.shape[2] in (2, 4):
        colour, alpha = pixels[..., :-1].astype(float), pixels[..., -1:] / 255
        if not mode.endswith("A"):
            colour, alpha = colour * alpha + 255 * (1 - alpha), None
    if mode.startswith("RGB") and colour.shape[2] == 1:
        colour = np.repeat(colour, 3, axis=2)
    parts = [colour] if alpha is None else [colour, 255 * alpha]
    return np.concatenate(parts, axis=2).squeeze()


@pytest.mark.parametrize("kind", range(4), ids=list(SHAPES))
@pytest.mark.parametrize("suffix", BECOMES)
@pytest.mark.filterwarnings("ignore::pqmim_jax.images.PictureWarning")
def test_lossless_formats_hold_the_pixels(photo, suffix, kind):
    pixels = photo(*list(SHAPES.values())[kind])
    mode = BECOMES[suffix][kind]
    if mode is None:
        with pytest.raises(ImageError, match="grey pictures only"):
            encode_image(pixels, suffix)
        return
    picture = read_picture(encode_image(pixels, suffix.upper()))
    assert picture.mode == mode
    laid_on_white = list(SHAPES)[kind].endswith("A") and not mode.endswith("A")
    rounding = 0.5 if laid_on_white else 0
    np.testing.assert_allclose(picture.pixels, as_mode(pixels, mode), atol=rounding + 1e-6)


@pytest.mark.parametrize(
    "kind, mode, tolerance",
    [("L", "L", 0), ("LA", "RGBA", 0), ("RGB", "RGB", 4), ("RGBA", "RGBA", 4)],
)
def test_avif_is_exact_in_grey_and_alpha_and_near_in_colours(photo, kind, mode, tolerance):
    pixels = photo(*SHAPES[kind])
    picture = read_picture(encode_image(pixels, ".avif"))
    assert picture.mode == mode
    np.testing.assert_allclose(picture.pixels, as_mode(pixels, mode), atol=tolerance + 1e-6)
    if mode == "RGBA":
        np.testing.assert_array_equal(picture.pixels[..., 3], pixels[..., -1])


@pytest.mark.parametrize("suffix", [".jpg", ".jpeg"])
@pytest.mark.parametrize("shape", [(24, 40), (24, 40, 3)])
def test_jpeg_is_near(suffix, shape):
    smooth = np.full(shape, 90, np.uint8)
    picture = read_picture(encode_image(smooth, suffix))
    np.testing.assert_allclose(picture.pixels.astype(int), smooth, atol=3)


def test_every_suffix_is_tried_above():
    assert set(OUTPUT_SUFFIXES) == {*BECOMES, ".avif", ".jpg", ".jpeg"}


@pytest.mark.parametrize("suffix", [".jpg", ".ppm", ".bmp"])
def test_alpha_is_laid_on_white_with_a_warning(suffix):
    pixels = np.full((16, 16, 4), (255, 0, 0, 51), np.uint8)
    with pytest.warns(PictureWarning, match="white"):
        data = encode_image(pixels, suffix)
    shown = read_picture(data).pixels
    np.testing.assert_allclose(shown[8, 8].astype(int), (255, 204, 204), atol=3)


@pytest.mark.parametrize("suffix", [".png", ".webp", ".tif"])
def test_colours_under_transparency_survive(photo, suffix):
    pixels = photo(20, 30, 4)
    pixels[..., 3] = 0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        data = encode_image(pixels, suffix)
    np.testing.assert_array_equal(read_picture(data).pixels, pixels)


@pytest.mark.parametrize("suffix", [".ppm", ".bmp"])
def test_metadata_without_a_place_is_a_warning(photo, suffix):
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    with pytest.warns(PictureWarning, match="ICC"):
        data = encode_picture(Picture(photo(), profile), suffix)
    np.testing.assert_array_equal(read_picture(data).pixels, photo())


def test_exif_with_the_prefix_of_jpeg_is_taken_too(photo):
    exif = Image.Exif()
    exif[271] = "Maker"
    block = exif.tobytes()
    assert block.startswith(b"Exif\0\0")
    for suffix in (".png", ".jpg", ".webp", ".tif", ".avif"):
        picture = read_picture(
            encode_picture(Picture(photo(), exif=block), suffix), keep_metadata=True
        )
        assert b"Maker" in picture.exif


def test_damaged_exif_is_an_image_error_where_it_must_be_understood(photo):
    with pytest.raises(ImageError, match="cannot be written as TIFF"):
        encode_picture(Picture(photo(), exif=b"no TIFF block"), ".tif")


def test_unknown_output_suffix_lists_the_choices(photo):
    for check in (check_output_suffix, lambda suffix: encode_image(photo(), suffix)):
        with pytest.raises(ImageError, match=r"'\.xyz'.*\.png.*\.avif"):
            check(".xyz")


def test_picture_too_large_for_its_format():
    for suffix, name in ((".jpg", "JPEG"), (".webp", "WEBP")):
        with pytest.raises(ImageError, match=f"70000 x 1 pixels cannot be written as {name}"):
            encode_image(np.zeros((1, 70000, 3), np.uint8), suffix)
