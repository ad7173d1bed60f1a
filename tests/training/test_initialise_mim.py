import jax
import jax.numpy as jnp
import numpy as np
import pytest
from ml_collections import ConfigDict

from pqmim_jax.masking import UNKNOWN
from pqmim_jax.models import build_mim
from pqmim_jax.training.default_config import get_config
from pqmim_jax.training.initialise_mim import (
    codeword_counts,
    codeword_features,
    initialise,
)
from pqmim_jax.training.warm_start import take_matching

M, K, D = 2, 8, 3
GRID = (1, 4, 4, M)


@pytest.fixture(scope="module")
def codebooks():
    return np.random.default_rng(0).normal(size=(M, K, D)).astype(np.float32)


@pytest.fixture(scope="module")
def counts():
    rng = np.random.default_rng(1)
    return np.stack([rng.permutation([4000, 2000, 1000, 500, 250, 100, 50, 0]) for _ in range(M)])


@pytest.fixture(scope="module", params=["independent", "depth"])
def logits_of(request, codebooks, counts):
    """Compiled function of (visible, indices) of a model that starts from `counts`."""
    section = ConfigDict(get_config().mim)
    section.update(width=16, depth=1, heads=2, head_width=16, embedding_dim=8, head=request.param)
    model = build_mim(section, ConfigDict({"num_codebooks": M, "num_codewords": K}))
    zeros = jnp.zeros(GRID, jnp.int32)
    key = jax.random.key(0, impl="unsafe_rbg")
    quality = jnp.full(1, M)
    params = jax.jit(model.init)(key, zeros, zeros, quality)["params"]
    params = initialise(model, params, counts, codebooks, jax.random.key(1))
    return jax.jit(lambda *grids: model.apply({"params": params}, *grids, quality))


def test_predictions_start_near_the_codewords_frequencies(logits_of, counts):
    indices = np.random.default_rng(2).integers(0, K, GRID)
    visible = np.where(np.random.default_rng(3).random(GRID) < 0.5, UNKNOWN, indices)
    log_p = np.asarray(jax.nn.log_softmax(logits_of(visible, indices)))
    frequencies = (counts + 0.5) / (counts + 0.5).sum(-1, keepdims=True)
    bits_wasted = (frequencies * (np.log2(frequencies) - log_p / np.log(2))).sum(-1)
    assert bits_wasted.max() < 0.3, "a uniform start would waste 1.2 bits"
    assert np.isfinite(log_p).all(), "a codeword that never occurred keeps a probability"


def test_counts_are_per_sub_quantizer():
    indices = np.array([[[0, 2], [1, 2]], [[0, 2], [3, 0]]])
    counts = codeword_counts(indices, 4)
    assert counts.tolist() == [[2, 1, 0, 1], [1, 0, 3, 0]]
    assert counts.dtype == np.int64


def test_features_are_standardised_and_unused_dimensions_vanish(codebooks):
    padded = np.concatenate([codebooks, np.full((M, K, 2), 0.25, np.float32)], axis=-1)
    features = codeword_features(padded)
    assert features.shape == (M, K, 2 * (D + 2))
    used = np.r_[0:D, D + 2 : 2 * D + 2]
    np.testing.assert_allclose(features.mean(1)[:, used], 0, atol=1e-5)
    np.testing.assert_allclose(features.std(1)[:, used], 1, atol=1e-4)
    assert not np.delete(features, used, axis=2).any()


def test_close_codewords_start_with_close_embeddings(counts, codebooks):
    twins = codebooks.copy()
    twins[:, 1] = twins[:, 0]
    section = ConfigDict(get_config().mim)
    section.update(head_width=16, embedding_dim=8)
    model = build_mim(section, ConfigDict({"num_codebooks": M, "num_codewords": K}))
    random = {"head": {}, "embedding": {"tables": jnp.ones((M, K + 1, 8))}}
    params = initialise(model, random, counts, twins, jax.random.key(1))
    tables, output = params["embedding"]["tables"], params["head"]["output"]
    assert tables.shape == (M, K + 1, 8)
    assert output.shape == (M, 16, K)
    np.testing.assert_allclose(tables[:, 0], tables[:, 1], atol=1e-6)
    np.testing.assert_allclose(output[..., 0], output[..., 1], atol=1e-6)
    assert np.abs(tables[:, 0] - tables[:, 2]).max() > 0.1


def test_only_arrays_of_equal_path_and_shape_are_taken():
    params = {"a": np.zeros(2), "b": {"c": np.zeros((2, 2)), "d": np.zeros(3)}, "e": np.zeros(1)}
    trained = {"a": np.ones(2), "b": {"c": np.ones((2, 3)), "d": np.ones(3)}, "e": {"x": 1}}
    taken = take_matching(params, trained)
    assert taken["a"].sum() == 2 and taken["b"]["d"].sum() == 3
    assert taken["b"]["c"].shape == (2, 2) and taken["b"]["c"].sum() == 0
    assert taken["e"].sum() == 0 and taken.keys() == params.keys()


def test_a_trained_model_gives_its_weights_where_shapes_agree():
    fresh = {"same": np.zeros(2), "wider": np.zeros(3), "new": np.zeros(1)}
    fresh = {"a": fresh, "leaf": np.zeros(2)}
    trained = {"a": {"same": np.ones(2), "wider": np.ones(2), "old": np.ones(1)}, "leaf": {"x": 1}}
    taken = take_matching(fresh, trained)
    assert jax.tree.structure(taken) == jax.tree.structure(fresh)
    assert {name: float(np.sum(value)) for name, value in taken["a"].items()} == {
        "same": 2,
        "wider": 0,
        "new": 0,
    }
    assert not taken["leaf"].any()
    assert not fresh["a"]["same"].any(), "what it is given stays as it is"
