"""`.pqm` files through Pillow: what `Image.open` and `Image.save` promise."""

import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms, ImageFile, UnidentifiedImageError

from pqmim_jax import coding, pillow_plugin

PICTURE = Path(__file__).parents[1] / "pictures" / "otters.webp"


@pytest.fixture(autouse=True)
def use_tiny_model(tiny_model, monkeypatch):
    monkeypatch.setattr(pillow_plugin, "MODEL", str(tiny_model))


@pytest.fixture(scope="module")
def photo():
    with Image.open(PICTURE) as picture:
        return picture.convert("RGB").crop((30, 20, 130, 90))


def saved(image, **options):
    file = io.BytesIO()
    image.save(file, "PQM", **options)
    return file.getvalue()


def opened(data):
    return Image.open(io.BytesIO(data))


def test_a_file_saved_by_suffix_opens_as_what_the_codec_decodes(codec, photo, tmp_path):
    path = tmp_path / "photo.pqm"
    photo.save(path, quality=2)
    assert path.read_bytes() == codec.compress(np.asarray(photo), quality=2)
    with Image.open(path) as picture:
        assert (picture.format, picture.mode, picture.size) == ("PQM", "RGB", (100, 70))
        assert picture.info["quality"] == 2
        np.testing.assert_array_equal(np.asarray(picture), codec.decompress(path.read_bytes()))
        assert picture.get_format_mimetype() == "image/x-pqm"
    path.unlink()  # closed by now, on every system


def test_opening_imports_no_jax(photo, tmp_path):
    path = tmp_path / "photo.pqm"
    photo.save(path, quality=1)
    program = f"""
import sys
from PIL import Image
import pqmim_jax.pillow_plugin
print(Image.open({str(path)!r}).size, "jax" in sys.modules)
"""
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert run.stdout.strip() == "(100, 70) False", run.stderr


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
def test_modes_come_back(codec, photo, mode):
    image = photo.convert(mode)
    if mode.endswith("A"):
        image.putalpha(Image.linear_gradient("L").resize(image.size))
    data = saved(image, quality=1)
    picture = opened(data)
    assert picture.mode == mode
    assert "quality" in picture.info
    pixels = np.asarray(picture)
    np.testing.assert_array_equal(pixels, codec.decompress(data))
    if mode.endswith("A"):
        np.testing.assert_array_equal(pixels[..., -1], np.asarray(image)[..., -1])


@pytest.mark.parametrize(
    ("mode", "expected"),
    [("1", "L"), ("P", "RGB"), ("CMYK", "RGB"), ("YCbCr", "RGB"), ("RGBa", "RGBA"), ("La", "LA")],
)
def test_other_modes_are_converted(photo, mode, expected):
    plain = {"RGBa": "RGBA", "La": "LA"}.get(mode, "RGB")
    data = saved(photo.convert(plain).convert(mode), quality=1)
    assert opened(data).mode == expected
    assert data == saved(photo.convert(plain).convert(mode).convert(expected), quality=1)


def test_a_transparent_palette_colour_becomes_alpha(photo):
    image = photo.quantize(8)
    image.info["transparency"] = 3
    picture = opened(saved(image, quality=1))
    alpha = np.asarray(picture)[..., 3]
    np.testing.assert_array_equal(alpha == 0, np.asarray(image) == 3)


@pytest.mark.parametrize("mode", ["I;16", "I", "F"])
def test_wide_samples_are_refused_rather_than_cut_off(mode, tmp_path):
    path = tmp_path / "wide.pqm"
    with pytest.raises(OSError, match=f"cannot write mode {mode} as PQM.*8 bits"):
        Image.new(mode, (4, 4)).save(path)
    assert not path.exists()


def test_rate_weight_and_target_decide_about_the_size(codec, photo):
    plain = saved(photo, rate_weight=0)
    assert len(saved(photo, rate_weight=1e5)) < len(plain)
    with pytest.raises(ValueError, match=r"1\.\.4"):
        saved(photo, quality=5)
    with pytest.raises(ValueError, match="target_bytes decides by itself about quality"):
        saved(photo, quality=2, target_bytes=60)


def test_a_target_size_is_kept(photo):
    data = saved(photo, target_bytes=60)
    assert len(data) <= 60
    assert np.asarray(opened(data)).shape == (70, 100, 3)


def test_metadata_are_kept_where_they_are_given(photo):
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    exif = Image.Exif()
    exif[0x010E] = "two otters"
    data = saved(photo, quality=1, icc_profile=profile, exif=exif)
    picture = opened(data)
    picture.load()
    assert picture.info["icc_profile"] == profile
    assert picture.getexif()[0x010E] == "two otters"
    photo.info["icc_profile"] = profile
    assert "icc_profile" not in load_info(saved(photo, quality=1))


def load_info(data):
    picture = opened(data)
    picture.load()
    return picture.info


def test_damage_raises_what_pillow_users_expect(photo, other_model, monkeypatch):
    data = saved(photo, quality=2)
    for broken in (b"PQM", b"PQN" + data[3:], data[:7], data[:3] + b"\xff" + data[4:]):
        with pytest.raises(UnidentifiedImageError):
            opened(broken)
    for broken in (data[:-1], data[:-1] + bytes([data[-1] ^ 1]), data + b"more"):
        picture = opened(broken)
        with pytest.raises(OSError, match=r"^[^\n]+$"):
            picture.load()
    monkeypatch.setattr(pillow_plugin, "MODEL", str(other_model))
    with pytest.raises(OSError, match="another model"):
        opened(data).load()


def test_another_decoder_is_a_warning(photo, other_decoder_model, monkeypatch):
    data = saved(photo)
    monkeypatch.setattr(pillow_plugin, "MODEL", str(other_decoder_model))
    picture = opened(data)
    with pytest.warns(UserWarning, match="another decoder"):
        picture.load()


def test_a_header_with_the_most_attachments_opens(codec):
    attachments = tuple(coding.Attachment(2**32 - 64 + i, 2**31) for i in range(64))
    header = coding.Header(
        *(2**20, 16, 1, codec.model.fingerprint, 0),
        schedule="x" * 255,
        shrink=2**16,
        stages=2**16,
        check_period=2**16,
        attachments=attachments,
    )
    data = b"PQM" + bytes([coding.VERSION << 5]) + coding.header.write_fields(header)
    assert 512 < len(data) < 1024
    assert opened(data + bytes(1024)).size == (2**20, 16)


def test_a_claim_of_a_huge_picture_is_refused_as_pillow_does(codec):
    header = coding.Header(2**31, 2**31, 1, codec.model.fingerprint, 0)
    with pytest.raises(Image.DecompressionBombError):
        opened(coding.pack(header, coding.RansEncoder().finish(0)))


def test_truncated_files_load_where_pillow_is_told_to_accept_them(photo, monkeypatch):
    data = saved(photo)
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    assert np.asarray(opened(data[: len(data) // 2])).shape == (70, 100, 3)
