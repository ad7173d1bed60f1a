"""The codec as a whole, on a tiny random model: exact round trips, sizes, damage."""

import dataclasses
import hashlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pqmim_jax import coding
from pqmim_jax.codec import Codec
from pqmim_jax.coding.released import ReleasedModel
from pqmim_jax.images import read_image

PICTURE = Path(__file__).parents[1] / "pictures" / "otters.webp"
DECODE = """
import hashlib, os, sys
os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:int(sys.argv[2])])
from pqmim_jax.codec import Codec
codec = Codec.load(sys.argv[1])
picture = codec.decompress(sys.stdin.buffer.read())
print(picture.shape, hashlib.sha256(picture.tobytes()).hexdigest())
"""


@pytest.fixture(scope="module")
def codec(tiny_model):
    return Codec.load(tiny_model)


@pytest.fixture(scope="module")
def photo():
    return read_image(PICTURE)


@pytest.fixture(scope="module")
def photo_file(codec, photo):
    return codec.compress(photo)


def reconstruct(codec, image, quality):
    return codec.decode_indices(codec.nearest_indices(image), quality, image.shape[:2])


@pytest.mark.parametrize("size", [(1, 1), (1, 200), (7, 13), (64, 64), (65, 129), (200, 40)])
def test_any_size_decodes_to_the_encoders_own_reconstruction(codec, size):
    image = np.random.default_rng(sum(size)).integers(0, 256, (*size, 3), dtype=np.uint8)
    decoded = codec.decompress(codec.compress(image))
    assert decoded.shape == image.shape
    np.testing.assert_array_equal(decoded, reconstruct(codec, image, codec.qualities))


def test_every_quality_decodes_and_costs_more_than_the_one_before(codec, photo):
    sizes = []
    for quality in range(1, codec.qualities + 1):
        data = codec.compress(photo, quality=quality)
        np.testing.assert_array_equal(codec.decompress(data), reconstruct(codec, photo, quality))
        sizes.append(len(data))
    assert sizes == sorted(set(sizes))


def test_a_model_that_knows_the_quality_decodes_files_of_every_one(told_codec, photo):
    for quality in range(1, told_codec.qualities + 1):
        data = told_codec.compress(photo, quality=quality)
        expected = reconstruct(told_codec, photo, quality)
        np.testing.assert_array_equal(told_codec.decompress(data), expected)


def test_told_another_quality_the_model_expects_others(told_codec, photo):
    """The same first sub-quantizer, by itself and with three more."""
    one, four = (
        told_codec.encode(photo, quality=q, schedule="one_shot", rate_weight=0.0) for q in (1, 4)
    )
    np.testing.assert_array_equal(one.indices[..., 0], four.indices[..., 0])
    assert np.abs(one.index_bits[..., 0] - four.index_bits[..., 0]).max() > 0.1
    contexts = [told_codec.programs.unknown_context(q) for q in (1, 4, 1)]
    assert (contexts[0] != contexts[1]).any()
    assert contexts[0] is contexts[2]


@pytest.mark.parametrize(
    "schedule",
    ["one_shot", "raster", "quincunx(levels=2)", "checkerboard*codebook_major(groups=2)"],
)
def test_other_schedules_travel_in_the_file(codec, photo, schedule):
    crop = photo[:100, :140]
    data = codec.compress(crop, schedule=schedule)
    np.testing.assert_array_equal(codec.decompress(data), reconstruct(codec, crop, 4))
    assert codec.info(data).schedule != codec.default_schedule


def test_file_is_no_longer_than_its_code_length_allows(codec, photo, photo_file):
    ideal = codec.info(photo_file).stage_bits.sum() / 8
    assert ideal <= len(photo_file) <= 1.01 * ideal + 20
    tiny = codec.compress(photo[:16, :16])
    assert len(tiny) <= codec.info(tiny).stage_bits.sum() / 8 + 20


@pytest.mark.parametrize("cores", [1, 2])
def test_a_fresh_process_on_any_number_of_cores_decodes_the_same(
    codec, photo, photo_file, tiny_model, cores
):
    run = subprocess.run(
        [sys.executable, "-c", DECODE, str(tiny_model), str(cores)],
        input=photo_file,
        capture_output=True,
        check=True,
    )
    expected = reconstruct(codec, photo, codec.qualities)
    digest = hashlib.sha256(expected.tobytes()).hexdigest()
    assert run.stdout.decode().split() == [*str(expected.shape).split(), digest]


def test_number_of_threads_does_not_change_a_byte(tiny_model, photo, photo_file):
    assert Codec.load(tiny_model, threads=1).compress(photo) == photo_file
    assert Codec.load(tiny_model, threads=3).compress(photo) == photo_file


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_damage_is_an_error_never_a_wrong_picture(codec, photo, data):
    file = bytearray(codec.compress(photo[:80, :80]))
    position = data.draw(st.integers(0, len(file) - 1))
    file[position] ^= data.draw(st.integers(1, 255))
    with pytest.raises(coding.PqmError):
        codec.decompress(bytes(file))


def test_truncation_at_any_length_is_an_error(codec, photo):
    file = codec.compress(photo[:48, :64])
    for length in range(len(file)):
        with pytest.raises(coding.PqmError):
            codec.decompress(file[:length])


def test_another_models_file_is_refused(photo_file, other_model):
    with pytest.raises(coding.WrongModelError, match="another model"):
        Codec.load(other_model).decompress(photo_file)


@pytest.mark.parametrize(
    ("last_version", "message"),
    [
        (None, r"\): model 'tiny' of this package; choose it with --model tiny$"),
        (
            "0.7.0",
            r"\): model 'tiny' of pqmim_jax 0\.7\.0, which this version no longer packages; "
            r"install pqmim-jax==0\.7\.0, or give its folder with --model$",
        ),
    ],
)
def test_where_a_released_model_is_found_is_said(
    codec, photo_file, other_model, monkeypatch, last_version, message
):
    digests = codec.model.fingerprint, codec.model.decoder
    rows = [
        ReleasedModel("twin", 3, digests[0], digests[1] ^ 1, "0.6.0"),
        ReleasedModel("old", 2, *digests, "0.1.0"),
        ReleasedModel("tiny", 3, *digests, last_version),
    ]
    monkeypatch.setattr("pqmim_jax.coding.released.RELEASED", rows)
    with pytest.raises(coding.WrongModelError, match=message):
        Codec.load(other_model).decompress(photo_file)
    monkeypatch.setattr("pqmim_jax.coding.released.RELEASED", rows[:2])
    with pytest.raises(coding.WrongModelError, match=r"model 'twin' of pqmim_jax 0\.6\.0"):
        Codec.load(other_model).decompress(photo_file)


def test_another_decoder_of_the_same_indices_paints_its_own_picture(
    codec, photo_file, other_decoder_model
):
    other = Codec.load(other_decoder_model)
    assert other.model.fingerprint == codec.model.fingerprint
    assert other.model.decoder != codec.model.decoder
    own, its = codec.decode(photo_file), other.decode(photo_file)
    assert (own.decoder_matches, its.decoder_matches) == (True, False)
    assert its.damage is None
    assert (own.pixels != its.pixels).any()
    assert other.info(photo_file).header.decoder == codec.model.decoder
    header, payload = coding.unpack(photo_file)
    forged = coding.pack(dataclasses.replace(header, decoder=other.model.decoder), payload)
    with pytest.raises(coding.CorruptFileError, match="checksum"):
        other.decode(forged)


def test_ancillary_attachments_that_nobody_knows_change_nothing(codec, photo):
    crop = photo[:40, :50]
    plain = codec.decode(codec.compress(crop, exif=b"Exif"))
    prepared = codec.prepare(crop, exif=b"Exif")
    prepared.attachments.update({16: b"more", 400: b""})
    data = codec.encode_prepared(prepared, codec.encode(crop).settings).data
    decoded = codec.decode(data)
    np.testing.assert_array_equal(decoded.pixels, plain.pixels)
    assert (decoded.exif, decoded.damage) == (b"Exif", None)
    assert [each.kind for each in codec.info(data).header.attachments] == [coding.EXIF, 16, 400]
    with pytest.raises(coding.CorruptFileError, match="over its kind-16 attachment"):
        codec.decode(data.replace(b"more", b"less"))


def test_a_file_of_version_2_is_refused(codec, photo_file):
    of_version_2 = photo_file[:3] + bytes([photo_file[3] & 0x1F | 2 << 5]) + photo_file[4:]
    with pytest.raises(coding.UnsupportedVersionError, match=r"pqmim-jax 0\.1\.0 decodes the file"):
        codec.decode(of_version_2)


def test_a_header_that_claims_a_huge_picture_is_refused_before_work(codec):
    header = coding.Header(2**31, 2**31, 1, codec.model.fingerprint, 0)
    encoder = coding.RansEncoder()
    with pytest.raises(coding.PqmError, match="pixels"):
        codec.decompress(coding.pack(header, encoder.finish(0)))


@pytest.mark.parametrize(
    "image",
    [np.zeros((4, 4, 5), np.uint8), np.zeros((4, 4, 3)), np.zeros((0, 4, 3), np.uint8)],
)
def test_arrays_that_are_no_picture_are_refused(codec, image):
    with pytest.raises(ValueError, match="uint8"):
        codec.compress(image)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"quality": 0}, r"quality must be in 1\.\.4, got 0"),
        ({"quality": 5}, r"quality must be in 1\.\.4"),
        ({"stages": 0}, r"stages must be in 1\.\.3"),
        ({"stages": 4}, r"stages must be in 1\.\.3"),
        ({"shrink": 0}, r"shrink must be in 1\.\.64"),
        ({"shrink": 65}, r"shrink must be in 1\.\.64"),
        ({"schedule": "qldz"}, "did you mean"),
    ],
)
def test_options_out_of_range_are_refused(codec, photo, options, message):
    with pytest.raises(ValueError, match=message):
        codec.compress(photo, **options)
