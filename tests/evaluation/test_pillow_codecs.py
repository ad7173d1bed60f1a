"""Pillow's codecs as the evaluation uses them."""

import io

import numpy as np
import pytest
from PIL import Image, features

from pqmim_jax.evaluation.codecs import pillow
from pqmim_jax.evaluation.codecs.interface import CodecError
from pqmim_jax.evaluation.codecs.pillow import PILLOW_CODECS, nearest_in_size
from pqmim_jax.evaluation.metrics import psnr


@pytest.fixture(params=PILLOW_CODECS)
def codec(request):
    found = PILLOW_CODECS[request.param]
    if found.missing:
        pytest.skip(found.missing)
    return found


def test_more_bytes_are_a_better_picture_and_all_settings_work(codec, photo):
    points = []
    for setting in codec.settings:
        data = codec.encode(photo, setting).data
        decoded = codec.decode(data)
        assert decoded.shape == photo.shape and decoded.dtype == np.uint8
        points.append((len(data), psnr(photo, decoded)))
    assert points[0][0] < points[-1][0] / 3
    assert points[0][1] < points[-1][1] - 1
    names = [setting.name for setting in codec.settings]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 50, 3), (17, 3, 3)])
def test_pictures_of_any_shape(codec, shape):
    image = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    assert codec.decode(codec.encode(image, codec.settings[-1]).data).shape == shape


def test_the_files_are_what_everybody_makes(photo):
    buffer = io.BytesIO()
    options = {"quality": 50, "optimize": True, "subsampling": "4:2:0"}
    Image.fromarray(photo).save(buffer, "JPEG", **options)
    assert PILLOW_CODECS["jpeg"].compress(photo, 50) == buffer.getvalue()


def test_a_picture_that_the_format_cannot_hold_is_the_codecs_error():
    with pytest.raises(CodecError, match="WebP"):
        PILLOW_CODECS["webp"].compress(np.zeros((1, 16384, 3), np.uint8), 50)


def test_a_format_that_pillow_lacks_says_so(monkeypatch):
    monkeypatch.setattr(features, "check", lambda feature: feature != "avif")
    assert PILLOW_CODECS["jpeg"].missing is None
    assert "built without AVIF" in PILLOW_CODECS["avif"].missing


def test_other_settings_are_another_measurement_but_the_same_codec():
    few = pillow.with_values("jpeg", [10, 20])
    assert [setting.name for setting in few.settings] == ["q10", "q20"]
    assert few.fingerprint == PILLOW_CODECS["jpeg"].fingerprint
    assert few.fingerprint != PILLOW_CODECS["webp"].fingerprint


def test_nearest_jpeg_is_no_further_off_than_any_other(photo):
    jpeg = PILLOW_CODECS["jpeg"]
    sizes = {q: len(jpeg.compress(photo, q)) for q in range(1, 96)}
    for target in (10, sizes[20] + 3, sizes[60] - 1, 10**6):
        quality, data = nearest_in_size(jpeg, photo, target)
        assert len(data) == sizes[quality]
        assert abs(len(data) - target) == min(abs(size - target) for size in sizes.values())
