import jax.numpy as jnp
import numpy as np
import pytest

from pqmim_jax.models.quantizer import nearest_codewords
from pqmim_jax.training import rate
from pqmim_jax.training.config import ConfigError


def test_bits_are_the_code_lengths_of_frequencies():
    bits = rate.static_bits(jnp.array([[2.0, 1.0, 1.0, 0.0], [0.0, 0.0, 0.0, 8.0]]))
    np.testing.assert_allclose(bits[0, :3], [1, 2, 2], rtol=1e-6)
    assert bits[0, 3] == bits[1].max() == 20
    assert bits[1, 3] == 0


def test_a_dearer_codeword_is_chosen_only_where_it_is_nearer_by_its_price():
    codebooks = jnp.array([[[0.0], [1.0]]])  # decision at 1/2 without a price
    bits = jnp.array([[1.0, 5.0]])
    weights = jnp.array([0.0, 0.1 * 255**2])  # 4 bits more cost 0.4 of squared distance
    z = jnp.linspace(0.005, 1.405, 141).reshape(1, 1, 141, 1, 1).repeat(2, axis=0)
    chosen = nearest_codewords(z, codebooks, penalty=rate.penalty(bits, weights))[:, 0, :, 0]
    np.testing.assert_array_equal(chosen[0], np.linspace(0.005, 1.405, 141) > 0.5)
    np.testing.assert_array_equal(chosen[1], np.linspace(0.005, 1.405, 141) > 0.7)


def test_a_scale_of_zero_means_no_price_and_bad_ones_are_refused():
    assert rate.quality_weights((), 0.0, 3) is None
    np.testing.assert_allclose(rate.quality_weights((4, 2, 1), 0.5, 3), [2, 1, 0.5])
    for weights, scale in (((), 1.0), ((1, 2), 1.0), ((1, 2, 3), -1.0)):
        with pytest.raises(ConfigError, match="rate_scale"):
            rate.quality_weights(weights, scale, 3)
