"""The middle of a picture: even and odd sides, pictures smaller than it, all of one."""

import numpy as np

from pqmim_jax.images import middle


def test_middles_of_pictures():
    picture = np.arange(5 * 8 * 3).reshape(5, 8, 3)
    np.testing.assert_array_equal(middle(picture, 4), picture[:4, 2:6])
    np.testing.assert_array_equal(middle(picture, 6), picture[:, 1:7])
    assert middle(picture, 0) is picture
