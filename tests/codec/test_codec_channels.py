"""Grey, alpha, colour profiles, EXIF, smaller coded sizes and limits."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pqmim_jax import coding
from pqmim_jax.codec import channels


def picture(shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


@pytest.mark.parametrize("last", [(), (2,), (3,), (4,)])
@pytest.mark.parametrize("size", [(1, 1), (1, 100), (50, 70)])
def test_every_kind_of_picture_keeps_its_shape_and_its_alpha(codec, last, size):
    image = picture((*size, *last))
    decoded = codec.decompress(codec.compress(image))
    assert decoded.shape == image.shape
    assert decoded.dtype == np.uint8
    if last in [(2,), (4,)]:
        np.testing.assert_array_equal(decoded[..., -1], image[..., -1])


def test_grey_is_coded_as_its_colour_would_be(codec):
    grey = picture((40, 60))
    colour = np.repeat(grey[..., None], 3, axis=2)
    as_grey, as_colour = codec.encode(grey), codec.encode(colour)
    np.testing.assert_array_equal(as_grey.indices, as_colour.indices)
    decoded = codec.decompress(as_colour.data).astype(float) @ [0.299, 0.587, 0.114]
    assert np.abs(codec.decompress(as_grey.data) - decoded).max() <= 1


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_alpha_is_exact_whatever_it_is(codec, data):
    size = data.draw(st.tuples(st.integers(1, 40), st.integers(1, 40)))
    alpha = data.draw(
        st.sampled_from(
            [
                np.zeros(size),
                np.full(size, 255),
                np.tri(*size) * 255,
                np.add.outer(np.arange(size[0]), np.arange(size[1])) % 256,
                picture(size, 1),
            ]
        )
    ).astype(np.uint8)
    image = np.dstack([picture((*size, 3)), alpha])
    np.testing.assert_array_equal(codec.decompress(codec.compress(image))[..., 3], alpha)


def test_constant_alpha_takes_few_bytes(codec):
    colour = picture((60, 60, 3))
    opaque = np.dstack([colour, np.full((60, 60), 255, np.uint8)])
    assert len(codec.compress(opaque)) <= len(codec.compress(colour)) + 12


def test_a_truncated_alpha_channel_is_an_error_or_opaque(codec):
    image = picture((40, 40, 4))
    data = codec.compress(image)
    with pytest.raises(coding.TruncatedFileError, match="alpha channel"):
        codec.decompress(data[:-10])
    part = codec.decode(data[:-10], allow_truncated=True)
    assert "alpha channel" in part.damage
    assert (part.pixels[..., 3] == 255).all()
    np.testing.assert_array_equal(part.pixels[..., :3], codec.decompress(data)[..., :3])


def test_an_alpha_channel_of_another_size_is_refused_before_it_is_decoded():
    alpha = channels.encode_alpha(picture((30, 30)))
    with pytest.raises(coding.CorruptFileError, match="30 x 30 pixels"):
        channels.decode_alpha(alpha, (40, 40))


def test_profile_and_exif_come_back(codec):
    image = picture((20, 20, 3))
    plain = codec.decode(codec.compress(image))
    assert plain.icc_profile is None
    assert plain.exif is None
    kept = codec.decode(codec.compress(image, icc_profile=b"profile" * 9, exif=b"Exif\0\0II"))
    assert kept.icc_profile == b"profile" * 9
    assert kept.exif == b"Exif\0\0II"


@pytest.mark.parametrize("size", [(1, 1), (5, 100), (101, 67)])
@pytest.mark.parametrize("shrink", [2, 3, 64])
def test_a_picture_coded_smaller_has_its_size_again(codec, size, shrink):
    image = picture((*size, 3))
    encoded = codec.encode(image, shrink=shrink)
    assert codec.decompress(encoded.data).shape == image.shape
    # Two bytes in the header, and one that the coder's state may or may not need.
    assert len(encoded.data) <= len(codec.compress(image)) + 3
    tokens = [-(-side // (16 * shrink)) for side in size]
    assert encoded.indices.shape[:2] == tuple(tokens)


def test_max_pixels_is_checked_before_anything_else(codec):
    data = codec.compress(picture((30, 40, 3)))
    assert codec.decompress(data, max_pixels=1200).shape == (30, 40, 3)
    with pytest.raises(coding.TooLargeError, match="40 x 30 pixels, more than the 1199"):
        codec.decompress(data, max_pixels=1199)


def test_a_small_file_cannot_claim_a_large_picture(codec):
    header = coding.Header(12000, 12000, 4, codec.model.fingerprint, 0)
    data = coding.pack(header, coding.RansEncoder().finish(0))
    with pytest.raises(coding.TruncatedFileError, match="too few for 12000 x 12000 pixels"):
        codec.decompress(data)
