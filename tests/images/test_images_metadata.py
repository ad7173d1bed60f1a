"""Which way up, in which colours, and what else a file says of its picture."""

import io
import struct
import warnings

import numpy as np
import pytest
from PIL import ExifTags, Image, ImageCms

from pqmim_jax.images import PictureWarning, encode_picture, read_image, read_picture

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
TURNED = {
    1: lambda a: a,
    2: np.fliplr,
    3: lambda a: np.rot90(a, 2),
    4: np.flipud,
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: np.rot90(a, 2).swapaxes(0, 1),
    8: lambda a: np.rot90(a, 1),
}


def retagged(profile, tags, space=b"RGB "):
    """A profile of other tags {name: data}; space is what kind of colours it is for."""
    header = bytearray(profile[:128])
    header[16:20] = space
    count = len(tags)
    table, data = count.to_bytes(4, "big"), b""
    for name, content in tags.items():
        offset = 128 + 4 + 12 * count + len(data)
        table += name + offset.to_bytes(4, "big") + len(content).to_bytes(4, "big")
        data += content + bytes(-len(content) % 4)
    header[0:4] = (128 + len(table) + len(data)).to_bytes(4, "big")
    return bytes(header) + table + data


def tags_of(profile):
    count = int.from_bytes(profile[128:132], "big")
    entries = [profile[132 + 12 * i : 144 + 12 * i] for i in range(count)]
    spans = {
        e[:4]: (int.from_bytes(e[4:8], "big"), int.from_bytes(e[8:12], "big")) for e in entries
    }
    return {name: profile[start : start + size] for name, (start, size) in spans.items()}


def swapped_primaries():
    """sRGB but that red means green, and green red."""
    tags = tags_of(SRGB)
    tags[b"rXYZ"], tags[b"gXYZ"] = tags[b"gXYZ"], tags[b"rXYZ"]
    return retagged(SRGB, tags)


def linear_grey():
    """Grey whose numbers are proportional to light."""
    kept = {name: tags_of(SRGB)[name] for name in (b"desc", b"cprt", b"wtpt")}
    return retagged(SRGB, {**kept, b"kTRC": b"curv" + bytes(8)}, b"GRAY")


def inks_are_greys():
    """For CMYK: every ink, in full, takes a quarter of the lightness L* = 100 away."""
    ramp = bytes(range(256))
    corners = [255 - 255 * bin(inks).count("1") // 4 for inks in range(16)]
    identity = b"".join(struct.pack(">i", 65536 * (i % 4 == 0)) for i in range(9))
    clut = b"".join(bytes([lightness, 128, 128]) for lightness in corners)
    # lut8Type of ICC.1:2022, 10.11: from 4 channels to 3 through a grid of 2 a side.
    lut = b"mft1" + bytes(4) + bytes([4, 3, 2, 0]) + identity + 4 * ramp + clut + 3 * ramp
    kept = {name: tags_of(SRGB)[name] for name in (b"desc", b"cprt", b"wtpt")}
    profile = bytearray(retagged(SRGB, {**kept, b"A2B0": lut}, b"CMYK"))
    profile[12:16], profile[20:24] = b"prtr", b"Lab "
    return bytes(profile)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", [".png", ".tif", ".webp"])
def test_orientation_is_applied(saved, photo, orientation, suffix):
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    options = {"lossless": True} if suffix == ".webp" else {}
    path = saved(Image.fromarray(photo(20, 30, 3)), suffix, exif=exif, **options)
    expected = TURNED[orientation](photo(20, 30, 3))
    for keep in (False, True):
        picture = read_picture(path, keep_metadata=keep)
        np.testing.assert_array_equal(picture.pixels, expected)
        again = read_picture(encode_picture(picture, ".png"))
        np.testing.assert_array_equal(again.pixels, expected)
    np.testing.assert_array_equal(read_image(path), expected)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", [".jpg", ".avif"])
def test_orientation_of_lossy_files(saved, orientation, suffix):
    corner = np.zeros((64, 96), np.uint8)
    corner[:16, :16] = 255
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    pixels = read_picture(saved(Image.fromarray(corner), suffix, exif=exif)).pixels
    np.testing.assert_allclose(pixels.astype(int), TURNED[orientation](corner), atol=40)


@pytest.mark.parametrize("value", [0, 9, 77])
def test_senseless_orientation_is_none(saved, photo, value):
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = value
    path = saved(Image.fromarray(photo()), exif=exif)
    np.testing.assert_array_equal(read_picture(path).pixels, photo())


@pytest.mark.parametrize("mode, channels", [("RGB", 3), ("RGBA", 4)])
def test_profile_is_applied_and_dropped(saved, photo, mode, channels):
    pixels = photo(20, 30, channels)
    path = saved(Image.fromarray(pixels), icc_profile=swapped_primaries())
    picture = read_picture(path)
    assert picture.mode == mode
    assert picture.icc_profile is None
    swapped = pixels[..., [1, 0, *range(2, channels)]]
    np.testing.assert_allclose(picture.pixels.astype(int), swapped, atol=2)
    np.testing.assert_array_equal(picture.pixels[..., 3:], pixels[..., 3:])


def test_palette_goes_through_its_profile(saved):
    image = Image.new("P", (2, 2), 0)
    image.putpalette([255, 0, 0])
    pixels = read_picture(saved(image, icc_profile=swapped_primaries())).pixels
    np.testing.assert_allclose(pixels[0, 0].astype(int), (0, 255, 0), atol=2)


@pytest.mark.parametrize("mode", ["L", "LA"])
def test_grey_profile_is_applied_and_grey_stays_grey(saved, mode):
    grey = Image.fromarray(np.arange(256, dtype=np.uint8)[None])
    if mode == "LA":
        grey.putalpha(Image.fromarray(np.arange(255, -1, -1, dtype=np.uint8)[None]))
    picture = read_picture(saved(grey, icc_profile=linear_grey()))
    assert picture.mode == mode
    light = np.arange(256) / 255
    srgb = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    values = picture.pixels.reshape(256, -1)
    np.testing.assert_allclose(values[:, 0], 255 * srgb, atol=1)
    if mode == "LA":
        assert values[:, 1].tolist() == list(range(255, -1, -1))


@pytest.mark.parametrize("channels", [(), (2,), (3,), (4,)])
def test_srgb_pixels_stay_what_they_are(saved, photo, channels):
    pixels = photo(20, 30, *channels)
    picture = read_picture(saved(Image.fromarray(pixels), icc_profile=SRGB))
    np.testing.assert_array_equal(picture.pixels, pixels)
    assert picture.icc_profile is None


@pytest.mark.parametrize("suffix", [".png", ".webp", ".tif", ".jpg", ".avif"])
def test_profile_is_kept_on_request(saved, suffix):
    profile = swapped_primaries()
    flat = Image.new("RGB", (16, 16), (200, 30, 90))
    picture = read_picture(saved(flat, suffix, icc_profile=profile), keep_metadata=True)
    assert picture.icc_profile == profile
    np.testing.assert_allclose(picture.pixels[8, 8].astype(int), (200, 30, 90), atol=4)


def test_kept_profile_makes_the_same_colours_later(saved, photo):
    path = saved(Image.fromarray(photo()), icc_profile=swapped_primaries())
    kept = encode_picture(read_picture(path, keep_metadata=True), ".png")
    np.testing.assert_array_equal(read_picture(kept).pixels, read_picture(path).pixels)


@pytest.mark.parametrize("case", ["noise", "cut", "of another kind"])
def test_unusable_profile_is_ignored_with_a_warning(saved, photo, case):
    profile = {"noise": b"noise" * 60, "cut": SRGB[:200], "of another kind": linear_grey()}[case]
    path = saved(Image.fromarray(photo()), icc_profile=profile)
    with pytest.warns(PictureWarning, match="ICC profile"):
        picture = read_picture(path, name="a name")
    np.testing.assert_array_equal(picture.pixels, photo())


@pytest.mark.parametrize("suffix", [".tif", ".jpg"])
@pytest.mark.parametrize("keep", [False, True])
def test_cmyk_becomes_srgb_by_its_profile(saved, suffix, keep):
    image = Image.new("CMYK", (16, 16), (0, 255, 0, 0))
    path = saved(image, suffix, icc_profile=inks_are_greys())
    picture = read_picture(path, keep_metadata=keep)
    assert picture.icc_profile is None
    # L* = 75 is 48.3% of the light, 185.3 in sRGB.
    np.testing.assert_allclose(picture.pixels[8, 8].astype(int), (185, 185, 185), atol=2)


def test_cmyk_becomes_srgb_and_loses_its_profile_even_when_metadata_is_kept(saved):
    image = Image.new("CMYK", (8, 8), (0, 255, 255, 0))
    path = saved(image, ".tif", icc_profile=SRGB)  # none for CMYK, so it cannot be used
    with pytest.warns(PictureWarning, match="ICC profile"):
        picture = read_picture(path, keep_metadata=True)
    assert picture.icc_profile is None
    np.testing.assert_array_equal(picture.pixels[0, 0], (255, 0, 0))


def camera_exif():
    exif = Image.Exif()
    exif[ExifTags.Base.Make] = "Maker"
    exif[ExifTags.Base.Orientation] = 6
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.ExposureTime] = 0.5
    return exif.tobytes()


@pytest.mark.parametrize("source", [".png", ".webp", ".tif", ".jpg", ".avif"])
@pytest.mark.parametrize("target", [".png", ".webp", ".tif", ".jpg", ".avif"])
def test_exif_is_kept_on_request_and_travels(saved, photo, source, target):
    path = saved(Image.fromarray(photo(20, 30, 3)), source, exif=camera_exif())
    assert read_picture(path).exif is None
    picture = read_picture(path, keep_metadata=True)
    assert picture.pixels.shape == (30, 20, 3)
    assert not picture.exif.startswith(b"Exif")
    with Image.open(io.BytesIO(encode_picture(picture, target))) as written:
        written.load()
        exif = written.getexif()
    assert exif[ExifTags.Base.Make] == "Maker"
    assert exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.ExposureTime] == 0.5
    assert ExifTags.Base.Orientation not in exif
    again = read_picture(encode_picture(picture, target), keep_metadata=True)
    assert again.pixels.shape == (30, 20, 3)
    if ".tif" not in (source, target):  # in TIFF files the file's byte order is that of its EXIF
        assert again.exif == picture.exif


def test_plain_tiff_has_no_exif(saved, photo):
    assert read_picture(saved(Image.fromarray(photo()), ".tif"), keep_metadata=True).exif is None


def test_damaged_exif_is_no_damage_to_the_picture(saved, photo):
    path = saved(Image.fromarray(photo()), exif=b"Exif\0\0not a TIFF block")
    np.testing.assert_array_equal(read_picture(path).pixels, photo())
    with pytest.warns(PictureWarning, match="EXIF"):
        picture = read_picture(path, keep_metadata=True)
    assert picture.exif is None


def test_what_pillow_warns_of_is_not_passed_on(saved, photo, monkeypatch):
    path = saved(Image.fromarray(photo()))
    height, width = photo().shape[:2]
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", height * width - 1)
    with pytest.warns(Image.DecompressionBombWarning), Image.open(path):
        pass
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        np.testing.assert_array_equal(read_picture(path).pixels, photo())
    assert said == []
