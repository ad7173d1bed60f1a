import os
import threading

import numpy as np
import pytest
from PIL import Image

from pqmim_jax.data import DataError, decode_image, open_source


def save(path, pixels, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, **options)


@pytest.fixture
def noise():
    return np.random.default_rng(1).integers(0, 256, (16, 24, 3), np.uint8)


def test_folder_lists_all_suffixes_sorted_by_relative_path(tmp_path, noise):
    names = ["b/x.WEBP", "a/z.png", "a/b/y.jpg", "c.bmp", "a.tiff", "a/q.ppm"]
    for name in names:
        save(tmp_path / name, noise)
    (tmp_path / "notes.txt").write_text("not a picture")
    save(tmp_path / ".hidden/x.png", noise)
    save(tmp_path / "a/._z.png", noise)
    source = open_source(f"folder:{tmp_path}")
    found = [os.path.relpath(path, tmp_path) for path in source.paths]
    assert found == ["a/b/y.jpg", "a/q.ppm", "a/z.png", "a.tiff", "b/x.WEBP", "c.bmp"]
    assert all(image.shape == (16, 24, 3) and image.dtype == np.uint8 for image in source)


def test_several_folders_follow_one_another(tmp_path, noise):
    save(tmp_path / "one/b.png", noise)
    save(tmp_path / "two/a.png", noise[:8])
    source = open_source(f"folder:{tmp_path / 'two'},{tmp_path / 'one'}")
    assert [len(image) for image in source] == [8, 16]


def test_links_to_folders_are_followed(tmp_path, noise):
    save(tmp_path / "real/a.png", noise)
    (tmp_path / "view").mkdir()
    (tmp_path / "view/linked").symlink_to(tmp_path / "real")
    assert len(open_source(f"folder:{tmp_path / 'view'}")) == 1


@pytest.mark.parametrize("suffix", ["png", "webp"])
def test_lossless_pixels_come_back_exactly(tmp_path, noise, suffix):
    save(tmp_path / f"a.{suffix}", noise, lossless=True)
    image = open_source(f"folder:{tmp_path}")[0]
    np.testing.assert_array_equal(image, noise)
    assert not image.flags.writeable


def test_exif_orientation_is_applied(tmp_path):
    pixels = np.zeros((16, 32, 3), np.uint8)
    pixels[:, 16:] = 255
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: rotate by 90 degrees clockwise to see it upright
    save(tmp_path / "a.jpg", pixels, exif=exif, quality=100)
    image = open_source(f"folder:{tmp_path}")[0]
    assert image.shape == (32, 16, 3)
    assert image[:16].max() < 10
    assert image[16:].min() > 245


def test_other_pixel_modes_become_8_bit_rgb(tmp_path):
    grey16 = np.array([[0, 256 * 100, 65535]], np.uint16)
    save(tmp_path / "grey16.png", grey16)
    save(tmp_path / "grey.png", np.array([[0, 100, 255]], np.uint8))
    rgba = np.array([[[1, 2, 3, 255], [4, 5, 6, 0]]], np.uint8)
    save(tmp_path / "rgba.png", rgba)
    Image.new("CMYK", (2, 1), (0, 255, 255, 0)).save(tmp_path / "cmyk.jpg")
    Image.new("F", (2, 1), 0.5).save(tmp_path / "float.tiff")
    triple = [[[0] * 3, [100] * 3, [255] * 3]]
    np.testing.assert_array_equal(decode_image(tmp_path / "grey16.png"), triple)
    np.testing.assert_array_equal(decode_image(tmp_path / "grey.png"), triple)
    np.testing.assert_array_equal(decode_image(tmp_path / "rgba.png"), rgba[..., :3])
    np.testing.assert_allclose(decode_image(tmp_path / "cmyk.jpg"), [[[255, 0, 0]] * 2], atol=3)
    with pytest.raises(DataError, match=r"float\.tiff.*mode 'F'"):
        decode_image(tmp_path / "float.tiff")


def test_undecodable_files_are_named(tmp_path, noise):
    (tmp_path / "0.png").write_bytes(b"this is text")
    save(tmp_path / "1.jpg", noise)
    whole = (tmp_path / "1.jpg").read_bytes()
    (tmp_path / "1.jpg").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "2.png").write_bytes(b"")
    source = open_source(f"folder:{tmp_path}")
    for index, name in enumerate(["0.png", "1.jpg", "2.png"]):
        with pytest.raises(DataError, match=name):
            source[index]


@pytest.mark.parametrize(
    "spec", ["", "folder", "folder:", "tfds:", "tfds::train", "webdataset:/x", "/just/a/path"]
)
def test_malformed_specs_are_refused_with_the_forms(spec):
    with pytest.raises(DataError, match=r"use folder:PATH.* or tfds:NAME"):
        open_source(spec)


def test_missing_and_empty_folders_are_one_line_errors(tmp_path):
    with pytest.raises(DataError, match=r"no such folder.*missing") as error:
        open_source(f"folder:{tmp_path}/missing")
    assert "\n" not in str(error.value)
    with pytest.raises(DataError, match=r"no pictures below .* looked for .*\.avif"):
        open_source(f"folder:{tmp_path}")


def test_index_out_of_range(image_folder):
    source = open_source(f"folder:{image_folder}")
    for index in (len(source), -1):
        with pytest.raises(IndexError):
            source[index]


def test_cache_keeps_within_its_bound_and_changes_nothing(tmp_path):
    rng = np.random.default_rng(0)
    pictures = [rng.integers(0, 256, (300, 400, 3), np.uint8) for _ in range(6)]
    for k, pixels in enumerate(pictures):
        save(tmp_path / f"{k}.png", pixels, compress_level=1)
    source = open_source(f"folder:{tmp_path}", cache_mb=1)  # room for two of 360,000 bytes
    for _ in range(2):
        for image, pixels in zip(source, pictures, strict=True):
            np.testing.assert_array_equal(image, pixels)
            assert source.cached_bytes <= 2**20
    assert source.cached_bytes == 2 * 360_000
    assert source[0] is source[0]
    assert source[5] is not source[5]


def test_cached_pictures_need_no_file_and_uncached_ones_do(tmp_path, noise):
    save(tmp_path / "a.png", noise)
    cached, plain = (open_source(f"folder:{tmp_path}", cache_mb=mb) for mb in (1, 0))
    np.testing.assert_array_equal(cached[0], plain[0])
    (tmp_path / "a.png").unlink()
    np.testing.assert_array_equal(cached[0], noise)
    with pytest.raises(DataError, match=r"a\.png"):
        plain[0]


def test_pictures_decoded_by_many_threads_at_once_take_their_room_once(tmp_path):
    rng = np.random.default_rng(0)
    for name in ("a.png", "b.png"):
        save(tmp_path / name, rng.integers(0, 256, (400, 400, 3), np.uint8))
    source = open_source(f"folder:{tmp_path}", cache_mb=1)  # room for two of 480,000 bytes
    barrier = threading.Barrier(8)

    def read_first():
        barrier.wait()
        source[0]

    threads = [threading.Thread(target=read_first) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert source.cached_bytes == 480_000
    assert source[1] is source[1]


def test_negative_cache_is_refused(image_folder):
    with pytest.raises(ValueError, match="cache_mb must be >= 0"):
        open_source(f"folder:{image_folder}", cache_mb=-1)
