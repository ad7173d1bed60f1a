"""Codebook upkeep between optimiser steps: usage, EMA codewords, revival of dead ones.

All statistics are sums over the global batch: under `jit` with a sharded batch axis XLA turns
them into all-reduces, so every device and host holds the same codebooks.
"""

import flax.struct
import jax
import jax.numpy as jnp

from pqmim_jax.coding import counts_of_all
from pqmim_jax.losses.codebook import perplexity
from pqmim_jax.training import rate

_UNUSED = 1e-4  # average use a step below which a codeword stays where it is
# Of shares by quality, for each picture of that quality: 250 of them are remembered, however rarely
# a batch holds one.
_DECAY_OF_SHARES = 0.996
# Added to shares by quality. A codeword whose price keeps it out of use would never be cheap again;
# so it costs 16 bits at most.
_LEAST_SHARE = 2e-5
_NOT_SENT = -1  # for an index, which then counts nowhere


@flax.struct.dataclass
class CodebookState:
    """Exponential moving averages over steps."""

    counts: jax.Array  # (M, K) float32: sub-vectors per codeword and step
    sums: jax.Array  # (M, K, d) float32: their sum
    # (M, M, K) float32: of the sub-vectors that pictures of quality q send, the share of each
    # codeword, in row q - 1; None: not kept, and what is not sent counts as well
    shares: jax.Array | None = None


def initial_state(
    codebooks: jax.Array,
    vectors_per_step: int,
    counts: jax.Array | None = None,
    *,
    by_quality: bool = False,
) -> CodebookState:
    """State in which every codeword of `codebooks` (M, K, d) is used equally.

    With `counts` (M, K) or (M, M, K), occurrences in a training set, it is used as often as there.

    Args:
      by_quality: keep shares for each quality.
    """
    m, k, _ = codebooks.shape
    counts = jnp.zeros((m, k)) if counts is None else jnp.asarray(counts, jnp.float32)
    shares = None
    if by_quality:
        smoothed = jnp.broadcast_to(counts + 0.5, (m, m, k))
        shares = smoothed / smoothed.sum(-1, keepdims=True)
    smoothed = counts_of_all(counts) + 0.5
    counts = vectors_per_step * smoothed / smoothed.sum(-1, keepdims=True)
    return CodebookState(counts, codebooks * counts[..., None], shares)


def static_bits(state: CodebookState) -> jax.Array:
    """Prices of codewords by their running frequencies, (M, K) float32; by quality (M, M, K)."""
    if state.shares is None:
        return rate.static_bits(state.counts)
    return rate.static_bits(state.shares + _LEAST_SHARE)


def batch_statistics(sub_vectors: jax.Array, indices: jax.Array, num_codewords: int):
    """Usage in one batch.

    Args:
      sub_vectors: (N, M, d).
      indices: (N, M) int32.

    Returns:
      counts (M, K) and sums (M, K, d).
    """
    one_hot = jax.nn.one_hot(indices, num_codewords, dtype=jnp.float32)
    sums = jnp.einsum("nmk,nmd->mkd", one_hot, sub_vectors, precision="highest")
    return one_hot.sum(0), sums


def update(
    state: CodebookState,
    codebooks: jax.Array,
    sub_vectors: jax.Array,
    indices: jax.Array,
    quality: jax.Array,
    key: jax.Array,
    *,
    decay: float,
    ema: bool,
    dead_below: float,
) -> tuple[CodebookState, jax.Array, dict[str, jax.Array]]:
    """Moves codewords to the mean of what they encode (if `ema`) and revives dead ones.

    A codeword is dead when its average use falls below `dead_below` times uniform use; it is
    put on a random sub-vector of the batch (Dhariwal et al. 2020, section 3).

    Args:
      codebooks: (M, K, d) float32.
      sub_vectors: (B, h, w, M, d); indices: (B, h, w, M).
      quality: (B,) int32, 1..M: how many of them an example sends.

    Returns:
      new state, new codebooks, and metrics: `perplexity` (M,), `dead` (M,) shares in [0, 1].
    """
    m, k, d = codebooks.shape
    vectors, shares = sub_vectors.reshape(-1, m, d), state.shares
    if shares is not None:
        sent = jnp.arange(m) < quality[:, None, None, None]
        indices = jnp.where(sent, indices, _NOT_SENT)
        shares = _moved_shares(shares, indices, quality)
    counts, sums = batch_statistics(vectors, indices.reshape(-1, m), k)
    state = CodebookState(
        decay * state.counts + (1 - decay) * counts, decay * state.sums + (1 - decay) * sums
    )
    if ema:
        means = state.sums / jnp.maximum(state.counts, _UNUSED)[..., None]
        codebooks = jnp.where((state.counts > _UNUSED)[..., None], means, codebooks)
    uniform = jnp.full((m, 1), vectors.shape[0] / k)
    if shares is not None:  # fine sub-quantizers are sent more rarely
        uniform = state.counts.sum(-1, keepdims=True) / k
    dead = state.counts < dead_below * uniform
    candidates = _random_vectors(vectors, k, key)
    codebooks = jnp.where(dead[..., None], candidates, codebooks)
    fresh = jnp.where(dead, uniform, state.counts)
    sums = jnp.where(dead[..., None], codebooks * uniform[..., None], state.sums)
    shares = None if shares is None else jnp.where(dead, 1 / k, shares)
    state = CodebookState(fresh, sums, shares)
    metrics = {"perplexity": perplexity(counts), "dead": dead.mean(-1)}
    return state, codebooks, metrics


def _moved_shares(shares: jax.Array, indices: jax.Array, quality: jax.Array) -> jax.Array:
    """Shares (M, M, K) after a batch with indices (B, h, w, M), `_NOT_SENT` where none is sent."""
    m, k = shares.shape[1:]
    used = jax.nn.one_hot(indices, k).mean((1, 2))  # (B, M, K): shares in each picture
    of_quality = jax.nn.one_hot(quality - 1, m)  # (B, M)
    pictures = of_quality.sum(0)[:, None, None]
    found = jnp.einsum("bq,bmk->qmk", of_quality, used, precision="highest")
    kept = _DECAY_OF_SHARES**pictures
    return kept * shares + (1 - kept) * found / jnp.maximum(pictures, 1)


def _random_vectors(vectors: jax.Array, k: int, key: jax.Array) -> jax.Array:
    """(N, M, d) -> (M, K, d): K random rows for each sub-quantizer."""
    rows = jax.random.randint(key, (k,), 0, vectors.shape[0])
    return vectors[rows].swapaxes(0, 1)
