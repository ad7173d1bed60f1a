"""Every kind of picture file through the command and back: size, mode, orientation, alpha."""

import numpy as np
import pytest
from PIL import Image, ImageCms

pytestmark = pytest.mark.usefixtures("codec_loaded_once")

SIZES = [(1, 1), (1, 1000), (7, 13), (255, 257), (512, 768), (3000, 4000)]  # rows, columns
# Mode in the file -> mode of the picture that comes back.
MODES = {
    "1": "L",
    "L": "L",
    "LA": "LA",
    "I;16": "L",
    "P": "RGB",
    "RGB": "RGB",
    "RGBA": "RGBA",
    "CMYK": "RGB",
}


def make(mode, size):
    """A picture that differs in all corners, and in all channels."""
    height, width = size
    y, x = np.mgrid[:height, :width]
    ramp = (255 * (y + x) // max(height + width - 2, 1)).astype(np.uint8)
    planes = np.dstack([ramp, 255 - ramp, ramp // 2, 255 - ramp // 3])
    if mode == "I;16":
        return Image.fromarray(ramp.astype(np.uint16) * 257)
    if mode == "1":
        return Image.fromarray(ramp > 127)
    if mode == "P":
        return Image.fromarray(planes[..., :3]).quantize(16)
    channels = {"L": 1, "LA": 2, "RGB": 3, "RGBA": 4, "CMYK": 4}[mode]
    image = planes[..., :channels] if channels > 1 else ramp
    return Image.fromarray(image, mode if mode == "CMYK" else None)


def round_trip(pqmim, path, *options):
    file, back = path.with_suffix(".pqm"), path.with_name("back.png")
    outcome = pqmim("compress", path, "-o", file, "--force", *options)
    assert outcome.code == 0, outcome.err
    outcome = pqmim("decompress", file, "-o", back, "--force")
    assert outcome.code == 0, outcome.err
    with Image.open(back) as opened:
        opened.load()
        return opened


def cases():
    """Every mode at every size; what takes long and says little more is slow."""
    for mode in MODES:
        for size in SIZES:
            slow = size == (3000, 4000) or (size == (512, 768) and mode not in ("L", "RGBA"))
            yield pytest.param(mode, size, marks=[pytest.mark.slow] if slow else [])


@pytest.mark.parametrize(("mode", "size"), [*cases()])
def test_every_mode_and_size(pqmim, tmp_path, mode, size):
    path = tmp_path / f"picture.{'tif' if mode == 'CMYK' else 'png'}"
    image = make(mode, size)
    image.save(path)
    back = round_trip(pqmim, path)
    assert back.size == size[::-1]
    assert back.mode == MODES[mode]
    if mode in ("LA", "RGBA"):
        np.testing.assert_array_equal(np.asarray(back)[..., -1], np.asarray(image)[..., -1])


@pytest.mark.parametrize("suffix", ["jpg", "webp", "tif", "avif", "ppm", "bmp", "gif"])
def test_every_format_in_and_out(pqmim, tmp_path, suffix):
    path = tmp_path / f"picture.{suffix}"
    make("RGB", (40, 60)).save(path)
    file = tmp_path / "picture.pqm"
    assert pqmim("compress", path).code == 0
    if suffix != "gif":
        out = tmp_path / f"back.{suffix}"
        assert pqmim("decompress", file, "-o", out).code == 0
        with Image.open(out) as opened:
            assert opened.size == (60, 40)
            assert opened.convert("RGB").size == (60, 40)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_pictures_come_back_upright(pqmim, tmp_path, orientation):
    path = tmp_path / "photo.jpg"
    exif = Image.Exif()
    exif[0x0112] = orientation
    make("RGB", (30, 60)).save(path, exif=exif)
    expected = (60, 30) if orientation < 5 else (30, 60)
    for options in ([], ["--keep-metadata"]):
        back = round_trip(pqmim, path, *options)
        assert back.size == expected
        assert back.getexif().get(0x0112, 1) == 1


def test_metadata_is_kept_on_request_only(pqmim, tmp_path):
    path = tmp_path / "photo.jpg"
    exif = Image.Exif()
    exif[0x010F] = "A camera"
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    make("RGB", (30, 60)).save(path, exif=exif, icc_profile=profile)
    plain = round_trip(pqmim, path)
    assert 0x010F not in plain.getexif()
    assert "icc_profile" not in plain.info
    kept = round_trip(pqmim, path, "--keep-metadata")
    assert kept.getexif()[0x010F] == "A camera"
    assert kept.info["icc_profile"] == profile


def test_of_an_animation_the_first_picture_is_taken_with_a_warning(pqmim, tmp_path):
    path = tmp_path / "film.gif"
    frames = [Image.new("RGB", (20, 10), colour) for colour in ("red", "green", "blue")]
    frames[0].save(path, save_all=True, append_images=frames[1:])
    outcome = pqmim("compress", path)
    assert outcome.code == 0
    assert len(outcome.error_lines) == 1
    assert outcome.err.startswith("pqmim: warning: ")
    assert "3" in outcome.err and "film.gif" in outcome.err
