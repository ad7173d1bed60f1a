"""Files of a wanted size: never above it, near to it where that is possible."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pqmim_jax import coding
from pqmim_jax.codec import Codec
from pqmim_jax.codec.rate_control import TOLERANCE
from pqmim_jax.images import read_image

PICTURE = Path(__file__).parents[1] / "pictures" / "otters.webp"


def photo(height, width, seed=0):
    """Something smooth with noise on it."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    base = 128 + 90 * np.sin(y / 23)[..., None] * np.cos(x / 17)[..., None]
    return np.clip(base + rng.normal(0, 25, (height, width, 3)), 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def image():
    return photo(150, 200)


@pytest.fixture(scope="module")
def trained():
    """The packaged model: only a trained MIM lets lambda move the size freely."""
    return Codec.load()


@pytest.mark.parametrize("target", [100, 250])
def test_files_come_near_their_target_from_below(trained, target):
    image = read_image(PICTURE)[:160, :220]
    data = trained.compress_to_size(image, target)
    assert target * (1 - TOLERANCE) <= len(data) <= target
    assert trained.decompress(data).shape == image.shape


def test_with_room_to_spare_the_nearest_codewords_are_sent(codec, image):
    best = codec.compress(image, rate_weight=0)
    assert codec.compress_to_size(image, 10 * len(best)) == best


@settings(max_examples=15, deadline=None)
@given(st.integers(1, 60), st.integers(1, 60), st.integers(16, 120), st.integers(0, 3))
def test_never_above_whatever_the_picture(codec, height, width, target, seed):
    image = photo(height, width, seed)
    try:
        data = codec.compress_to_size(image, target)
    except ValueError as error:
        assert "is possible, the smallest has" in str(error)
    else:
        assert len(data) <= target
        assert codec.decompress(data).shape == image.shape


def test_attachments_count_and_a_hopeless_target_says_how_small_a_file_can_be(codec, image):
    data = codec.compress_to_size(image, 300, exif=b"e" * 150)
    assert len(data) <= 300
    assert coding.unpack(data)[0].attachments[0].length == 150
    with pytest.raises(ValueError, match=r"at most 160 bytes is possible, the smallest has 1\d\d"):
        codec.compress_to_size(image, 160, exif=b"e" * 150)
