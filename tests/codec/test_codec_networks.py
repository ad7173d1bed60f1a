"""The MIM in double precision, and what is laid out for it beforehand."""

import dataclasses

import jax
import numpy as np
import pytest

from pqmim_jax.codec.networks import Networks
from pqmim_jax.model_store import load_model


@pytest.fixture(scope="module")
def model(tiny_model):
    stored = load_model(tiny_model)
    table = stored.mim["block_0"]["attention"]["relative_bias"]
    table[...] = np.random.default_rng(0).normal(size=table.shape)  # zero before training
    return stored


def with_precision(model, precision):
    codec = {**model.config["codec"], "mim_precision": precision}
    return dataclasses.replace(model, config={**model.config, "codec": codec})


def context_of(network, visible):
    with network.arithmetic():
        return np.asarray(jax.jit(network.function)(network.params, visible))


def test_biases_laid_out_beforehand_change_nothing(model):
    networks = Networks(model)
    visible = np.random.default_rng(1).integers(-1, 16, (6, 6, 4)).astype(np.int32)
    expected = context_of(networks.context, visible)
    found = context_of(networks.context_with_biases, visible)
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, expected, rtol=1e-14, atol=1e-14)
    single = context_of(Networks(with_precision(model, "float32")).context, visible)
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, expected, atol=1e-4)
    assert np.abs(single - expected).max() > 1e-12


def test_an_unknown_precision_is_refused(model):
    with pytest.raises(ValueError, match=r"'half'; choices: float32, float64"):
        Networks(with_precision(model, "half"))
