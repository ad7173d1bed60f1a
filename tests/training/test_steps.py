"""Single steps of both stages, without the loop."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pqmim_jax.training.pqvae_loss import sample_quality, to_network


def test_samples_map_to_a_range_centred_on_zero():
    out = to_network(np.array([0, 51, 255], np.uint8))
    np.testing.assert_allclose(out, [-0.5, -0.3, 0.5], atol=1e-6)


@pytest.mark.parametrize(("share", "full"), [(1.0, 1.0), (0.0, 0.25), (0.5, 0.625)])
def test_qualities_cover_all_and_keep_their_share_of_full_ones(share, full):
    quality = np.asarray(sample_quality(jax.random.key(0), 2000, 4, jnp.float32(share)))
    assert (quality == 4).mean() == pytest.approx(full, abs=0.05)
    assert set(quality) == ({4} if share == 1 else {1, 2, 3, 4})
