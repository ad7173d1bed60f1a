import functools

import jax
import numpy as np
import pytest

from pqmim_jax.training.codebook_state import (
    CodebookState,
    initial_state,
    static_bits,
    update,
)

M, K, D = 2, 4, 3
N = 64


@pytest.fixture(scope="module")
def step():
    """Compiled `update`; decay, ema and dead_below as keywords."""
    return jax.jit(update, static_argnames=("decay", "ema", "dead_below"))


@pytest.fixture
def batch():
    """Codebooks (M, K, D), sub-vectors (4, 4, 4, M, D) near them, and their indices."""
    rng = np.random.default_rng(0)
    codebooks = 10 * rng.normal(size=(M, K, D)).astype(np.float32)
    indices = rng.integers(0, K, (4, 4, 4, M)).astype(np.int32)
    noise = rng.normal(size=(4, 4, 4, M, D)).astype(np.float32)
    return codebooks, codebooks[np.arange(M), indices] + noise, indices


def means(vectors, indices):
    vectors, indices = vectors.reshape(-1, M, D), indices.reshape(-1, M)
    return np.stack([[vectors[indices[:, m] == k, m].mean(0) for k in range(K)] for m in range(M)])


def run(step, state, codebooks, vectors, indices, quality=(2, 2, 2, 2), key=0, **options):
    options = {"decay": 0.9, "ema": True, "dead_below": 0.0, **options}
    quality = np.array(quality, np.int32)
    return step(state, codebooks, vectors, indices, quality, jax.random.key(key), **options)


def test_without_memory_codewords_jump_to_the_mean_of_what_they_encode(step, batch):
    codebooks, vectors, indices = batch
    state = initial_state(codebooks, N)
    _, moved, _ = run(step, state, codebooks, vectors, indices, decay=0.0)
    np.testing.assert_allclose(moved, means(vectors, indices), rtol=1e-4, atol=1e-4)


def test_with_memory_they_approach_it(step, batch):
    codebooks, vectors, indices = batch
    state, current = initial_state(codebooks, N), codebooks
    target = means(vectors, indices)
    distances = []
    for _ in range(30):
        state, current, _ = run(step, state, current, vectors, indices)
        distances.append(np.abs(np.asarray(current) - target).max())
    assert distances[0] > 0.5 * np.abs(codebooks - target).max()
    assert (np.diff(distances) < 0).all()
    assert distances[-1] < 0.1 * distances[0]


def test_gradient_trained_codebooks_are_left_alone(step, batch):
    codebooks, vectors, indices = batch
    state = initial_state(codebooks, N)
    _, same, metrics = run(step, state, codebooks, vectors, indices, ema=False)
    np.testing.assert_array_equal(same, codebooks)
    assert np.asarray(metrics["dead"]).tolist() == [0, 0]


@pytest.mark.parametrize("ema", [True, False])
def test_dead_codewords_move_onto_vectors_of_the_batch(step, batch, ema):
    codebooks, vectors, indices = batch
    indices[..., 1] = np.where(indices[..., 1] == 2, 3, indices[..., 1])  # (1, 2) is never used
    state, current = initial_state(codebooks, N), codebooks
    for i in range(40):
        revive = functools.partial(run, step, ema=ema, dead_below=0.1, key=i)
        state, current, metrics = revive(state, current, vectors, indices)
        if np.asarray(metrics["dead"]).any():
            break
    assert np.asarray(metrics["dead"]).tolist() == [0, 1 / K]
    pool = vectors[..., 1, :].reshape(-1, D)
    assert np.abs(pool - np.asarray(current)[1, 2]).max(-1).min() == 0
    _, _, metrics = revive(state, current, vectors, indices)
    assert not np.asarray(metrics["dead"]).any(), "a revived codeword gets time to be used"


def test_usage_is_reported_per_sub_quantizer(step, batch):
    codebooks, vectors, indices = batch
    indices[..., 0] = 1
    indices[..., 1] = np.arange(N).reshape(4, 4, 4) % K
    _, _, metrics = run(step, initial_state(codebooks, N), codebooks, vectors, indices)
    np.testing.assert_allclose(metrics["perplexity"], [1, K], rtol=1e-4)


def test_a_new_state_stands_for_equal_use():
    codebooks = np.random.default_rng(0).normal(size=(M, K, D)).astype(np.float32)
    state = initial_state(codebooks, N)
    assert isinstance(state, CodebookState)
    np.testing.assert_array_equal(state.counts, np.full((M, K), N / K))
    np.testing.assert_allclose(state.sums / state.counts[..., None], codebooks, rtol=1e-6)


def test_shares_by_quality_become_those_of_what_each_quality_sends(step, batch):
    codebooks, vectors, indices = batch
    quality = np.array([1, 2, 2, 1])
    state = initial_state(codebooks, N, by_quality=True)
    np.testing.assert_allclose(state.shares, np.full((M, M, K), 1 / K))
    current = codebooks
    for _ in range(1000):
        state, current, _ = run(step, state, current, vectors, indices, quality)

    def shares(examples, m):
        return np.bincount(indices[examples, ..., m].ravel(), minlength=K) / (16 * len(examples))

    np.testing.assert_allclose(state.shares[0, 0], shares([0, 3], 0), atol=1e-3)
    np.testing.assert_allclose(state.shares[1, 0], shares([1, 2], 0), atol=1e-3)
    np.testing.assert_allclose(state.shares[1, 1], shares([1, 2], 1), atol=1e-3)
    np.testing.assert_allclose(state.shares[0, 1], 0, atol=1e-3)  # not sent at quality 1
    # Nor does the codebook move to what is not sent.
    expected = means(vectors[1:3], indices[1:3])
    np.testing.assert_allclose(current[1], expected[1], rtol=1e-3, atol=1e-3)
    bits = np.asarray(static_bits(state))
    assert bits.shape == (M, M, K)
    np.testing.assert_allclose(bits[0, 1], np.log2(K), atol=0.1)
    np.testing.assert_allclose(bits[1, 1], -np.log2(shares([1, 2], 1)), atol=0.05)


def test_a_quality_that_a_batch_lacks_keeps_its_shares_and_nothing_gets_too_dear(step, batch):
    codebooks, vectors, indices = batch
    indices[..., 0] = 1
    state = initial_state(codebooks, N, by_quality=True)
    for _ in range(2000):
        state, _, _ = run(step, state, codebooks, vectors, indices, (2, 2, 2, 2))
    np.testing.assert_array_equal(state.shares[0], np.full((M, K), np.float32(1 / K)))
    bits = np.asarray(static_bits(state))
    assert bits[1, 0].max() == pytest.approx(-np.log2(2e-5), abs=0.01)
    assert bits[1, 0, 1] == pytest.approx(0, abs=0.01)


def test_a_revived_codeword_is_not_priced_out_at_any_quality(step, batch):
    codebooks, vectors, indices = batch
    indices[..., 1] = np.where(indices[..., 1] == 2, 3, indices[..., 1])  # (1, 2) is never used
    state, current = initial_state(codebooks, N, by_quality=True), codebooks
    for i in range(40):
        moved = run(step, state, current, vectors, indices, dead_below=0.1, key=i)
        state, current, metrics = moved
        if np.asarray(metrics["dead"]).any():
            break
    assert np.asarray(metrics["dead"]).tolist() == [0, 1 / K]
    np.testing.assert_allclose(state.shares[:, 1, 2], 1 / K)


def test_a_start_from_counts_by_quality_has_their_shares():
    codebooks = np.random.default_rng(0).normal(size=(M, K, D)).astype(np.float32)
    counts = np.array([[[900, 100, 0, 0], [0] * 4], [[500, 500, 0, 0], [0, 0, 0, 2000]]])
    state = initial_state(codebooks, N, counts, by_quality=True)
    np.testing.assert_allclose(state.shares[0], [[0.9, 0.1, 0, 0], [0.25] * 4], atol=2e-3)
    np.testing.assert_allclose(state.shares[1, 1], [0, 0, 0, 1], atol=2e-3)
    np.testing.assert_allclose(state.counts[0], np.array([0.7, 0.3, 0, 0]) * N, atol=0.1)
    together = initial_state(codebooks, N, counts.sum(0))
    np.testing.assert_array_equal(state.counts, together.counts)
    assert together.shares is None
