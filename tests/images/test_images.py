import io
import os

import numpy as np
import pytest
from PIL import Image

from pqmim_jax.images import (
    OUTPUT_SUFFIXES,
    ImageError,
    encode_image,
    read_image,
    write_atomically,
)

RED, BLUE = (255, 0, 0), (0, 0, 255)


@pytest.fixture
def saved(tmp_path):
    def save(image, suffix=".png", **options):
        path = tmp_path / f"picture{suffix}"
        image.save(path, **options)
        return path

    return save


def photo(height=20, width=30, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def test_rgb_png_is_read_exactly_from_path_and_from_stream(saved):
    path = saved(Image.fromarray(photo()))
    np.testing.assert_array_equal(read_image(path), photo())
    np.testing.assert_array_equal(read_image(io.BytesIO(path.read_bytes())), photo())


def test_exif_orientation_turns_the_picture(saved):
    exif = Image.Exif()
    exif[0x0112] = 6  # to be shown turned clockwise by 90 degrees
    path = saved(Image.fromarray(photo(20, 30)), exif=exif)
    np.testing.assert_array_equal(read_image(path), np.rot90(photo(20, 30), -1))


def test_palette(saved):
    image = Image.new("P", (4, 2), 1)
    image.putpalette([*RED, *BLUE])
    image.putpixel((0, 0), 0)
    pixels = read_image(saved(image))
    assert tuple(pixels[0, 0]) == RED
    assert tuple(pixels[1, 3]) == BLUE


def test_palette_with_a_transparent_colour_is_white_there(saved):
    image = Image.new("P", (4, 2), 1)
    image.putpalette([*RED, *BLUE])
    image.putpixel((0, 0), 0)
    pixels = read_image(saved(image, transparency=1))
    assert tuple(pixels[0, 0]) == RED
    assert tuple(pixels[1, 3]) == (255, 255, 255)


@pytest.mark.parametrize(
    "alpha, expected", [(0, (255, 255, 255)), (255, RED), (51, (255, 204, 204))]
)
def test_alpha_is_laid_on_white(saved, alpha, expected):
    pixels = read_image(saved(Image.new("RGBA", (3, 3), (*RED, alpha))))
    np.testing.assert_allclose(pixels[1, 1].astype(int), expected, atol=1)


def test_grey_with_alpha_is_laid_on_white(saved):
    assert (read_image(saved(Image.new("LA", (3, 3), (100, 0)))) == 255).all()


@pytest.mark.parametrize("suffix", [".png", ".tif", ".pgm"])
def test_16_bit_grey_is_scaled_not_clipped(saved, suffix):
    samples = np.array([[0, 128, 129, 257, 32896, 65535]], np.uint16)
    pixels = read_image(saved(Image.fromarray(samples), suffix))
    assert pixels.shape == (1, 6, 3)
    assert pixels[0, :, 0].tolist() == [0, 0, 1, 1, 128, 255]
    assert (pixels == pixels[..., :1]).all()


@pytest.mark.parametrize("value, grey", [(0, 0), (1, 255)])
def test_bilevel(saved, value, grey):
    assert (read_image(saved(Image.new("1", (9, 2), value))) == grey).all()


def test_cmyk(saved):
    pixels = read_image(saved(Image.new("CMYK", (16, 16), (0, 255, 255, 0)), ".tif"))
    assert pixels.shape == (16, 16, 3)
    np.testing.assert_array_equal(pixels[8, 8], RED)


def test_first_frame_of_an_animation(saved):
    frames = [Image.new("RGB", (8, 8), colour) for colour in (RED, BLUE)]
    path = saved(frames[0], ".gif", save_all=True, append_images=frames[1:])
    assert tuple(read_image(path)[0, 0]) == RED


@pytest.mark.parametrize("mode", ["I", "F"])
def test_samples_without_a_range_are_refused(saved, mode):
    image = Image.new(mode, (4, 4), 70000)
    with pytest.raises(ImageError, match="no fixed range"):
        read_image(saved(image, ".tif"))


def bad_files():
    png, jpeg = io.BytesIO(), io.BytesIO()
    Image.fromarray(photo(64, 64)).save(png, "PNG")
    Image.fromarray(photo(64, 64)).save(jpeg, "JPEG")
    return {
        "empty": b"",
        "text": b"this is no picture\n" * 50,
        "zeros": bytes(1000),
        "truncated png": png.getvalue()[:2000],
        "truncated jpeg": jpeg.getvalue()[:1500],
        "png signature": png.getvalue()[:8],
        "pqm magic": b"PQM" + bytes(20),
    }


@pytest.mark.parametrize("case", bad_files())
def test_what_is_no_picture_is_one_line_that_names_the_file(tmp_path, case):
    path = tmp_path / "bad.png"
    path.write_bytes(bad_files()[case])
    with pytest.raises(ImageError) as caught:
        read_image(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_decompression_bomb_is_an_image_error(saved, monkeypatch):
    path = saved(Image.fromarray(photo(40, 40)))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 700)  # refused from twice that on
    with pytest.raises(ImageError, match="1600 pixels"):
        read_image(path)


def test_missing_file_is_an_os_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_image(tmp_path / "nothing.png")


@pytest.mark.parametrize("suffix", OUTPUT_SUFFIXES)
def test_encoded_pictures_come_back(suffix):
    smooth = np.full((24, 40, 3), (200, 30, 90), np.uint8)
    pixels = read_image(io.BytesIO(encode_image(smooth, suffix.upper())))
    tolerance = 3 if suffix in (".jpg", ".jpeg") else 0
    np.testing.assert_allclose(pixels.astype(int), smooth, atol=tolerance)


def test_unknown_output_suffix_lists_the_choices():
    with pytest.raises(ImageError, match=r"'\.xyz'.*\.png"):
        encode_image(photo(), ".xyz")


def test_picture_too_large_for_its_format():
    with pytest.raises(ImageError, match="70000 x 1 pixels cannot be written as JPEG"):
        encode_image(np.zeros((1, 70000, 3), np.uint8), ".jpg")


def test_existing_file_stays_unless_overwritten(tmp_path):
    path = tmp_path / "file"
    write_atomically(path, b"one", overwrite=False)
    with pytest.raises(FileExistsError):
        write_atomically(path, b"two", overwrite=False)
    assert path.read_bytes() == b"one"
    write_atomically(path, b"three", overwrite=True)
    assert path.read_bytes() == b"three"
    assert os.listdir(tmp_path) == ["file"]


def test_crash_while_writing_leaves_the_old_file_and_no_other(tmp_path, monkeypatch):
    path = tmp_path / "file"
    path.write_bytes(b"old")

    def disk_full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", disk_full)
    with pytest.raises(OSError, match="No space"):
        write_atomically(path, b"new", overwrite=True)
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["file"]


def test_written_files_have_the_usual_permissions(tmp_path):
    (tmp_path / "usual").write_bytes(b"")
    write_atomically(tmp_path / "file", b"", overwrite=False)
    assert (tmp_path / "file").stat().st_mode == (tmp_path / "usual").stat().st_mode


def test_what_is_no_regular_file_is_never_replaced(tmp_path):
    with pytest.raises(FileExistsError, match="not a regular file"):
        write_atomically(tmp_path, b"", overwrite=True)


def test_missing_folder_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere: no such folder"):
        write_atomically(tmp_path / "nowhere" / "file", b"", overwrite=False)
