"""Files that are no pictures, or broken or enormous ones: one line that says so."""

import io
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, features

from pqmim_jax.images import (
    ImageError,
    check_output_suffix,
    encode_image,
    read_image,
    read_picture,
)

SUFFIXES = [".png", ".jpg", ".webp", ".tif", ".avif", ".ppm", ".pgm", ".bmp"]


def encoded(suffix, side=64):
    shape = (side, side) if suffix == ".pgm" else (side, side, 3)
    return encode_image(np.random.default_rng(0).integers(0, 256, shape, np.uint8), suffix)


def one_line(caught, name):
    message = str(caught.value)
    assert message.startswith(f"{name}: ")
    assert "\n" not in message
    return message


@pytest.mark.parametrize("share", [0.02, 0.3, 0.7])
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_truncated_files(tmp_path, suffix, share):
    data = encoded(suffix)
    path = tmp_path / f"cut{suffix}"
    path.write_bytes(data[: int(share * len(data))])
    with pytest.raises(ImageError) as caught:
        read_picture(path)
    one_line(caught, path)


def test_truncated_gif():
    buffer = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 256, (64, 64), np.uint8)
    Image.fromarray(noise).save(buffer, "GIF")
    with pytest.raises(ImageError):
        read_picture(buffer.getvalue()[:2000])


FOREIGN = {
    "empty": b"",
    "text": b"this is no picture\n" * 50,
    "zeros": bytes(1000),
    "png signature": b"\x89PNG\r\n\x1a\n",
    "another format": b"PQM" + bytes(20),
    "postscript": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n",
}


@pytest.mark.parametrize("case", FOREIGN)
def test_what_is_no_picture(tmp_path, case):
    path = tmp_path / "bad.png"
    path.write_bytes(FOREIGN[case])
    for read in (read_picture, read_image):
        with pytest.raises(ImageError) as caught:
            read(path)
        one_line(caught, path)


def test_empty_and_unknown_files_are_told_apart():
    with pytest.raises(ImageError, match="input: the file is empty"):
        read_picture(b"", name="input")
    with pytest.raises(ImageError, match=r"known format \(AVIF, .*WebP\)"):
        read_picture(b"no picture")


@settings(deadline=None, max_examples=60)
@given(st.sampled_from(SUFFIXES), st.data())
def test_changed_bytes_give_a_picture_or_an_image_error(suffix, data):
    content = bytearray(encoded(suffix, side=16))
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    try:
        picture = read_picture(bytes(content), keep_metadata=True, max_pixels=10_000)
    except ImageError as error:
        assert "\n" not in str(error)
    else:
        assert picture.pixels.shape[0] * picture.pixels.shape[1] <= 10_000


@pytest.mark.filterwarnings("ignore::pqmim_jax.images.PictureWarning")
def test_damage_in_a_further_page_is_no_damage_to_the_first(tmp_path):
    pages = [Image.new("L", (8, 8), grey) for grey in (10, 20, 30)]
    path = tmp_path / "pages.tif"
    pages[0].save(path, save_all=True, append_images=pages[1:])
    whole = path.read_bytes()
    for cut in range(1, len(whole) // 2, 7):
        assert (read_picture(whole[:-cut]).pixels == 10).all()


def test_missing_file_is_an_os_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_picture(tmp_path / "nothing.png")


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_pixel_limit_is_exact(suffix):
    data = encoded(suffix, side=40)
    assert read_picture(data, max_pixels=1600).pixels.shape[:2] == (40, 40)
    with pytest.raises(ImageError, match=r"1600 pixels .* 1599 \(--max-pixels") as caught:
        read_picture(data, max_pixels=1599, name="bomb")
    one_line(caught, "bomb")


def test_pixel_limit_comes_before_decoding():
    # Only a header: decoding it would complain about missing pixels.
    header = b"P6 20000 20000 255\n"
    with pytest.raises(ImageError, match="400000000 pixels"):
        read_picture(header)
    with pytest.raises(ImageError, match="truncated"):
        read_picture(b"P6 9000 9000 255\n")


def test_own_limit_of_pillow_is_neither_in_the_way_nor_changed(monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    assert read_picture(encoded(".png")).pixels.shape == (64, 64, 3)
    with pytest.raises(ImageError):
        read_picture(b"no picture")
    assert Image.MAX_IMAGE_PIXELS == 100


def test_pillow_without_avif_is_said_clearly(monkeypatch):
    data = encoded(".avif")
    monkeypatch.setattr(features, "check", lambda feature: False)
    monkeypatch.setattr("PIL.AvifImagePlugin.SUPPORTED", False)
    with pytest.raises(ImageError, match="built without AVIF"):
        read_picture(data)
    with pytest.raises(ImageError, match="built without AVIF"):
        check_output_suffix(".avif")


MEASURE = """
import resource, sys
from pqmim_jax.images import read_picture
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
read_picture(sys.argv[1], max_pixels=10_000).pixels
before = peak()
read_picture(sys.argv[2])
print((peak() - before) * 1024)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss is in KiB on Linux")
def test_memory_is_the_copy_of_pillow_and_the_result(tmp_path):
    side = 5000
    large, small = tmp_path / "large.ppm", tmp_path / "small.ppm"
    large.write_bytes(b"P6 %d %d 255\n" % (side, side) + bytes(3 * side * side))
    small.write_bytes(b"P6 9 9 255\n" + bytes(3 * 81))
    run = subprocess.run(
        [sys.executable, "-c", MEASURE, small, large], capture_output=True, check=True, text=True
    )
    assert int(run.stdout) < (4 + 3) * side * side + 40e6
