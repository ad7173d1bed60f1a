import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pqmim_jax.evaluation.feature_extractors import Vgg16Features, feature_extractor
from pqmim_jax.evaluation.patches import hific_patches


def numbered(height, width):
    """A picture whose pixels tell where they are, in units of 16 and within them."""
    y, x = np.mgrid[:height, :width]
    place = np.stack([y // 16, x // 16, (y % 16) * 16 + x % 16], -1)
    return place.astype(np.uint8)


def place(patch):
    return int(patch[0, 0, 0]) * 16, int(patch[0, 0, 1]) * 16


@settings(deadline=None, max_examples=25)
@given(height=st.integers(1, 1100), width=st.integers(1, 1100))
def test_patches_are_both_grids_of_the_picture(height, width):
    image = numbered(height, width)
    patches = hific_patches(image)
    places = [place(patch) for patch in patches]
    expected = [
        (top, left)
        for first in (0, 128)
        for top in range(first, height - 255, 256)
        for left in range(first, width - 255, 256)
    ]
    assert places == expected
    assert patches.shape == (len(expected), 256, 256, 3)
    for (top, left), patch in zip(places, patches, strict=True):
        np.testing.assert_array_equal(patch, image[top : top + 256, left : left + 256])


def test_features_do_not_hang_on_the_batch():
    patches = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), np.uint8)
    extractor = Vgg16Features(batch=2)
    found = extractor(patches)
    assert found.shape == (3, extractor.width) and found.dtype == np.float32
    assert (found >= 0).all() and found.std() > 0
    np.testing.assert_allclose(found[2:], extractor(patches[2:]), rtol=1e-4, atol=1e-5)
    assert extractor(patches[:0]).shape == (0, extractor.width)


def test_features_of_vgg16_are_not_called_fid_of_the_papers():
    extractor = feature_extractor("vgg16")
    assert not extractor.comparable
    assert "not comparable to published FID" in extractor.name


def test_extractors_by_name():
    with pytest.raises(ValueError, match="unknown features 'resnet'; choices: inception, vgg16"):
        feature_extractor("resnet")
    with pytest.raises(ValueError, match="need a file of weights: pt_inception"):
        feature_extractor("inception")


def test_patches_of_another_type_are_refused():
    with pytest.raises(ValueError, match="need uint8"):
        Vgg16Features()(np.zeros((1, 32, 32, 3)))
