"""Every kind of pixels that files hold, as `read_picture` and `read_image` give them."""

import io
import struct
import warnings

import numpy as np
import pytest
from PIL import Image

from pqmim_jax.images import ImageError, Picture, PictureWarning, read_image, read_picture

RED, BLUE = (255, 0, 0), (0, 0, 255)
EXACT = {
    "L": (".png", ".tif", ".bmp", ".pgm"),
    "LA": (".png", ".tif"),
    "RGB": (".png", ".tif", ".bmp", ".ppm", ".webp"),
    "RGBA": (".png", ".tif", ".webp"),
}
CHANNELS = {"L": (), "LA": (2,), "RGB": (3,), "RGBA": (4,)}


@pytest.mark.parametrize("mode, suffix", [(m, s) for m in EXACT for s in EXACT[m]])
def test_lossless_files_are_read_exactly(saved, photo, mode, suffix):
    pixels = photo(20, 30, *CHANNELS[mode])
    options = {"lossless": True, "exact": True} if suffix == ".webp" else {}
    path = saved(Image.fromarray(pixels), suffix, **options)
    picture = read_picture(path)
    assert picture.pixels.dtype == np.uint8
    assert picture.mode == mode
    np.testing.assert_array_equal(picture.pixels, pixels)
    assert (picture.icc_profile, picture.exif) == (None, None)


def test_path_bytes_and_file_are_the_same_picture(saved, photo):
    path = saved(Image.fromarray(photo()))

    class Pipe(io.RawIOBase):  # cannot seek, as standard input
        def __init__(self, data):
            self.rest = io.BytesIO(data)

        def readable(self):
            return True

        def readinto(self, buffer):
            return self.rest.readinto(buffer)

    data = path.read_bytes()
    for source in (path, str(path), data, io.BytesIO(data), Pipe(data)):
        np.testing.assert_array_equal(read_picture(source).pixels, photo())


@pytest.mark.parametrize("mode", ["L", "RGB"])
@pytest.mark.parametrize("suffix", [".jpg", ".avif"])
def test_lossy_files_keep_their_kind(saved, mode, suffix):
    colour = {"L": 90, "RGB": (200, 30, 90)}[mode]
    picture = read_picture(saved(Image.new(mode, (32, 32), colour), suffix))
    assert picture.mode == mode
    np.testing.assert_allclose(picture.pixels[16, 16].astype(int), colour, atol=4)


@pytest.mark.parametrize("suffix", [".png", ".tif", ".pbm"])
def test_bilevel(saved, suffix):
    bits = np.arange(27).reshape(3, 9) % 5 < 2
    picture = read_picture(saved(Image.fromarray(bits), suffix))
    np.testing.assert_array_equal(picture.pixels, bits * np.uint8(255))


@pytest.mark.parametrize("suffix", [".png", ".tif", ".bmp", ".gif"])
def test_palette_becomes_rgb(saved, suffix):
    image = Image.new("P", (4, 2), 1)
    image.putpalette([*RED, *BLUE])
    image.putpixel((0, 0), 0)
    pixels = read_picture(saved(image, suffix)).pixels
    assert pixels.shape == (2, 4, 3)
    assert (tuple(pixels[0, 0]), tuple(pixels[1, 3])) == (RED, BLUE)


@pytest.mark.parametrize("suffix", [".png", ".gif"])
def test_palette_with_a_transparent_entry_becomes_rgba(saved, suffix):
    image = Image.new("P", (4, 2), 1)
    image.putpalette([*RED, *BLUE])
    image.putpixel((0, 0), 0)
    pixels = read_picture(saved(image, suffix, transparency=0)).pixels
    assert pixels.shape == (2, 4, 4)
    assert (pixels[0, 0, 3], tuple(pixels[1, 3])) == (0, (*BLUE, 255))


def test_palette_with_degrees_of_transparency(saved):
    image = Image.new("P", (2, 1), 1)
    image.putpalette([*RED, *BLUE])
    image.putpixel((0, 0), 0)
    pixels = read_picture(saved(image, transparency=bytes([77, 200]))).pixels
    assert pixels.tolist() == [[[*RED, 77], [*BLUE, 200]]]


@pytest.mark.parametrize(
    "depth, row, key, grey, clear",
    [
        (1, b"\x40", 1, [0, 255], [False, True]),
        (2, b"\x1b", 2, [0, 85, 170, 255], [False, False, True, False]),
        (4, b"\x1b", 11, [17, 187], [False, True]),
        (8, bytes([5, 11]), 11, [5, 11], [False, True]),
        (16, struct.pack(">3H", 1999, 2000, 65535), 2000, [8, 8, 255], [False, True, False]),
    ],
)
def test_transparent_grey_of_every_depth(png_file, depth, row, key, grey, clear):
    pixels = read_picture(png_file(len(grey), depth, 0, row, [key])).pixels
    assert pixels[0, :, 0].tolist() == grey
    assert pixels[0, :, 1].tolist() == [0 if c else 255 for c in clear]


@pytest.mark.parametrize(
    "depth, row, key",
    [
        (8, bytes([1, 2, 3, 1, 2, 4]), (1, 2, 3)),
        (16, struct.pack(">6H", 1000, 2000, 3000, 1000, 2000, 4000), (1000, 2000, 3000)),
    ],
)
def test_transparent_colour(png_file, depth, row, key):
    assert read_picture(png_file(2, depth, 2, row, key)).pixels[0, :, 3].tolist() == [0, 255]


@pytest.mark.parametrize("suffix", [".png", ".tif", ".pgm"])
def test_16_bit_grey_is_scaled_not_clipped(saved, suffix):
    samples = np.array([[0, 128, 129, 257, 32896, 65535]], np.uint16)
    picture = read_picture(saved(Image.fromarray(samples), suffix))
    assert picture.pixels.tolist() == [[0, 0, 1, 1, 128, 255]]


def test_big_endian_16_bit_grey():
    samples = np.array([[0, 257, 32896, 65535]], ">u2")
    strip = samples.tobytes()
    tags = [(256, 4), (257, 1), (258, 16), (259, 1), (262, 1), (273, 8), (277, 1), (279, 8)]
    directory = b"".join(struct.pack(">HHIHH", tag, 3, 1, value, 0) for tag, value in tags)
    data = b"MM\0*" + struct.pack(">I", 16) + strip + struct.pack(">H", len(tags)) + directory
    assert read_picture(data + bytes(4)).pixels.tolist() == [[0, 1, 128, 255]]


@pytest.mark.parametrize("mode", ["I", "F"])
def test_samples_without_a_range_are_refused(saved, mode):
    with pytest.raises(ImageError, match="no fixed range"):
        read_picture(saved(Image.new(mode, (4, 4), 70000), ".tif"))


@pytest.mark.parametrize("suffix", [".tif", ".jpg"])
def test_cmyk_becomes_rgb(saved, suffix):
    pixels = read_picture(saved(Image.new("CMYK", (16, 16), (0, 255, 255, 0)), suffix)).pixels
    assert pixels.shape == (16, 16, 3)
    np.testing.assert_allclose(pixels[8, 8].astype(int), RED, atol=2)


def test_ycbcr_and_lab_become_rgb(saved):
    red = Image.new("RGB", (16, 16), (200, 30, 90))
    for mode in ("YCbCr", "LAB"):
        pixels = read_picture(saved(red.convert(mode), ".tif")).pixels
        assert pixels.shape == (16, 16, 3)
        np.testing.assert_allclose(pixels[8, 8].astype(int), (200, 30, 90), atol=3)


def test_premultiplied_alpha_is_divided_out(saved):
    image = Image.new("RGBA", (4, 4), (100, 50, 0, 128))
    # ExtraSamples (338) of kind 2 is straight alpha, of kind 1 premultiplied (TIFF 6.0, page 31).
    straight, multiplied = (struct.pack("<HHIHH", 338, 3, 1, kind, 0) for kind in (2, 1))
    data = saved(image, ".tif").read_bytes()
    assert data.count(straight) == 1
    pixels = read_picture(data.replace(straight, multiplied)).pixels
    np.testing.assert_allclose(pixels[1, 1].astype(int), (200, 100, 0, 128), atol=2)


def test_picture_of_many_strips_is_whole(saved, photo):
    pixels = photo(1500, 1000, 4)
    np.testing.assert_array_equal(
        read_picture(saved(Image.fromarray(pixels), ".tif")).pixels, pixels
    )


@pytest.mark.parametrize("suffix", [".gif", ".tif", ".png", ".webp", ".avif"])
def test_first_of_many_frames_with_a_warning(saved, suffix):
    frames = [Image.new("RGB", (16, 16), colour) for colour in (RED, BLUE, RED)]
    path = saved(frames[0], suffix, save_all=True, append_images=frames[1:])
    with pytest.warns(PictureWarning) as caught:
        pixels = read_picture(path).pixels
    np.testing.assert_allclose(pixels[0, 0].astype(int), RED, atol=4)
    (message,) = {str(warning.message) for warning in caught}
    assert str(path) in message
    assert " 3 " in message
    assert "\n" not in message


def test_preview_appended_to_a_photograph_is_no_page(saved, photo):
    photograph = Image.fromarray(photo(64, 64, 3))
    path = saved(photograph, ".jpg", format="MPO", save_all=True, append_images=[photograph])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert read_picture(path).pixels.shape == (64, 64, 3)


def test_read_image_lays_alpha_on_white_and_repeats_grey(saved):
    for alpha, expected in [(0, (255, 255, 255)), (255, RED), (51, (255, 204, 204))]:
        pixels = read_image(saved(Image.new("RGBA", (3, 3), (*RED, alpha))))
        assert pixels.shape == (3, 3, 3)
        np.testing.assert_array_equal(pixels[1, 1], expected)
    np.testing.assert_array_equal(
        read_image(saved(Image.new("LA", (3, 3), (100, 51))))[1, 1], (224, 224, 224)
    )
    np.testing.assert_array_equal(
        read_image(saved(Image.new("L", (3, 3), 100)))[1, 1], (100, 100, 100)
    )


@pytest.mark.parametrize("shape", [(4,), (4, 4, 1), (4, 4, 5), (0, 4), (0, 4, 3), (1, 4, 4, 3)])
def test_picture_of_another_shape_is_refused(shape):
    with pytest.raises(ValueError, match=r"\(H, W\), "):
        Picture(np.zeros(shape, np.uint8))


def test_picture_of_floats_is_refused():
    with pytest.raises(ValueError, match="float32"):
        Picture(np.zeros((4, 4, 3), np.float32))
