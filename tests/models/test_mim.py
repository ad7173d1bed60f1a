"""What the MIM may and may not see, and that its two ways of asking agree."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from ml_collections import ConfigDict

from pqmim_jax.masking import UNKNOWN
from pqmim_jax.models import build_mim

M, K = 3, 5
GRID = (1, 3, 4, M)
QUALITY = np.full(1, M, np.int32)
HEADS = ("independent", "depth")


def section(**overrides):
    return ConfigDict(
        {
            "width": 8,
            "depth": 1,
            "heads": 2,
            "mlp_ratio": 2,
            "embedding_dim": 4,
            "head": "depth",
            "head_width": 6,
            "dtype": "float32",
            **overrides,
        }
    )


class Mim:
    """A model with noise in every parameter and its compiled functions."""

    def __init__(self, head, dtype):
        codes = ConfigDict({"num_codebooks": M, "num_codewords": K})
        self.model = build_mim(section(head=head, dtype=dtype), codes)
        zeros = jnp.zeros(GRID, jnp.int32)
        shapes = jax.eval_shape(self.model.init, jax.random.key(0), zeros, zeros, QUALITY)["params"]
        rng = np.random.default_rng(0)
        self.params = jax.tree.map(
            lambda a: jnp.asarray(0.5 * rng.normal(size=a.shape), jnp.float32), shapes
        )
        apply = functools.partial(self.model.apply, {"params": self.params})
        self.all = jax.jit(lambda visible, indices: apply(visible, indices, QUALITY))
        self.context = jax.jit(lambda visible: apply(visible, QUALITY, method="context"))
        self.one = jax.jit(
            functools.partial(self.model.apply, {"params": self.params}, method="head_logits")
        )


@functools.cache
def mim(head, dtype="float32"):
    return Mim(head, dtype)


def random_indices(seed=0):
    return np.random.default_rng(seed).integers(0, K, GRID).astype(np.int32)


def masked_at_random(indices, seed=1):
    hidden = np.random.default_rng(seed).random(GRID) < 0.5
    return np.where(hidden, UNKNOWN, indices).astype(np.int32), hidden


def test_context_sees_visible_indices_everywhere():
    """Every visible index matters at every token: attention reaches the whole window."""
    visible, hidden = masked_at_random(random_indices())
    reference = np.asarray(mim("depth").context(visible))
    y, x, m = np.argwhere(~hidden[0])[0]
    changed = visible.copy()
    changed[0, y, x, m] = (changed[0, y, x, m] + 1) % K
    difference = np.abs(np.asarray(mim("depth").context(changed)) - reference).max(-1)
    assert (difference > 1e-7).all()


def test_independent_head_sees_no_masked_index():
    indices = random_indices()
    visible, hidden = masked_at_random(indices)
    other = np.where(hidden, (indices + 2) % K, indices).astype(np.int32)
    reference = mim("independent").all(visible, indices)
    np.testing.assert_array_equal(mim("independent").all(visible, other), reference)


def test_depth_head_sees_just_the_indices_before_m_of_its_own_token():
    indices = random_indices()
    visible = np.full(GRID, UNKNOWN, np.int32)
    reference = np.asarray(mim("depth").all(visible, indices))
    for changed_m in range(M):
        other = indices.copy()
        other[0, 1, 2, changed_m] = (other[0, 1, 2, changed_m] + 1) % K
        moved = np.abs(np.asarray(mim("depth").all(visible, other)) - reference).max(-1) > 1e-6
        expected = np.zeros(GRID, bool)
        expected[0, 1, 2, changed_m + 1 :] = True
        np.testing.assert_array_equal(moved, expected)


@pytest.mark.parametrize("head", HEADS)
def test_asking_for_one_index_equals_asking_for_all(head):
    """The coder asks with unknown indices from m on; training with all of them known."""
    indices = random_indices()
    visible, _ = masked_at_random(indices)
    everything = np.asarray(mim(head).all(visible, indices))
    context = mim(head).context(visible)
    for m in range(M):
        for rest in (UNKNOWN, 1):
            known = np.where(np.arange(M) < m, indices, rest).astype(np.int32)
            logits = mim(head).one(context, known, np.int32(m))
            assert logits.dtype == jnp.float32
            np.testing.assert_allclose(logits, everything[..., m, :], atol=1e-5)


@pytest.mark.parametrize("head", HEADS)
def test_one_token_without_its_grid_gives_the_same_logits(head):
    indices = random_indices()
    context = mim(head).context(indices)
    whole = np.asarray(mim(head).one(context, indices, np.int32(2)))
    token = mim(head).one(context[0, 1, 1], indices[0, 1, 1], np.int32(2))
    np.testing.assert_allclose(token, whole[0, 1, 1], atol=1e-5)


def test_bfloat16_gives_finite_float32_logits_close_to_float32():
    indices = random_indices()
    visible, _ = masked_at_random(indices)
    low = np.asarray(mim("depth", "bfloat16").all(visible, indices))
    high = np.asarray(mim("depth").all(visible, indices))
    assert low.dtype == np.float32
    assert 0 < np.abs(low - high).max() < 0.5


def test_masks_have_embeddings_that_learn():
    indices = random_indices()
    visible, hidden = masked_at_random(indices)
    model = mim("depth")

    @jax.jit
    def table_gradient(params):
        def loss(params):
            logits = model.model.apply({"params": params}, visible, indices, QUALITY)
            log_p = jax.nn.log_softmax(logits)
            picked = jnp.take_along_axis(log_p, jnp.asarray(indices)[..., None], -1)[..., 0]
            return -jnp.sum(jnp.where(hidden, picked, 0))

        return jax.grad(loss)(params)["embedding"]["tables"]

    gradient = np.abs(np.asarray(table_gradient(model.params))).sum(-1)
    assert gradient.shape == (M, K + 1)
    assert (gradient[:, K] > 1e-6).all()


def test_sub_quantizers_do_not_share_embeddings():
    """The same index in another sub-quantizer is another symbol."""
    a = np.full(GRID, UNKNOWN, np.int32)
    b = a.copy()
    a[..., 0], b[..., 1] = 2, 2
    assert np.abs(np.asarray(mim("depth").context(a) - mim("depth").context(b))).max() > 1e-3


@pytest.mark.parametrize("trunk", ["plain", "lean"])
def test_a_model_that_knows_the_quality_learns_what_it_means(trunk):
    codes = ConfigDict({"num_codebooks": M, "num_codewords": K})
    model = build_mim(section(trunk=trunk, depth=2, knows_quality=True), codes)
    visible, _ = masked_at_random(random_indices())
    batch = np.repeat(visible, M, axis=0)
    qualities = np.arange(1, M + 1, dtype=np.int32)
    params = model.init(jax.random.key(0), batch, batch, qualities)["params"]
    table = params["quality"]["embedding"]
    assert table.shape == (M, 8)

    @jax.jit
    def logits_of(table, qualities):
        told = {**params, "quality": {"embedding": table}}
        return model.apply({"params": told}, batch, batch, qualities)

    same = np.asarray(logits_of(table, qualities))
    np.testing.assert_array_equal(same[:1], same[1:2])
    np.testing.assert_array_equal(same[:1], same[2:])
    trained = np.random.default_rng(0).normal(size=table.shape).astype(np.float32)
    several = np.asarray(logits_of(trained, qualities))
    for i in range(M):
        alone = np.asarray(logits_of(trained, np.full(M, qualities[i])))
        np.testing.assert_allclose(several[i], alone[0], atol=1e-5)
        assert np.abs(several[i] - several[i - 1]).max() > 1e-3
    ignorant = build_mim(section(trunk=trunk, depth=2), codes)
    rest = {name: value for name, value in params.items() if name != "quality"}
    before = ignorant.apply({"params": rest}, batch, batch, qualities)
    np.testing.assert_allclose(before, same, atol=1e-5)


def test_an_unknown_head_is_refused():
    with pytest.raises(ValueError, match=r"'rq'.*independent, depth"):
        build_mim(section(head="rq"), ConfigDict({"num_codebooks": M, "num_codewords": K}))
