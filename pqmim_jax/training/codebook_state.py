"""Codebook upkeep between optimiser steps: usage, EMA codewords, revival of dead ones.

All statistics are sums over the global batch: under `jit` with a sharded batch axis XLA turns
them into all-reduces, so every device and host holds the same codebooks.
"""

import flax.struct
import jax
import jax.numpy as jnp

from pqmim_jax.losses.codebook import perplexity

_UNUSED = 1e-4  # average use a step below which a codeword stays where it is


@flax.struct.dataclass
class CodebookState:
    """Exponential moving averages over steps."""

    counts: jax.Array  # (M, K) float32: sub-vectors per codeword and step
    sums: jax.Array  # (M, K, d) float32: their sum


def initial_state(
    codebooks: jax.Array, vectors_per_step: int, counts: jax.Array | None = None
) -> CodebookState:
    """State in which every codeword of `codebooks` (M, K, d) is used equally.

    With `counts` (M, K), occurrences in a training set, it is used as often as there.
    """
    m, k, _ = codebooks.shape
    smoothed = jnp.ones((m, k)) if counts is None else jnp.asarray(counts, jnp.float32) + 0.5
    counts = vectors_per_step * smoothed / smoothed.sum(-1, keepdims=True)
    return CodebookState(counts, codebooks * counts[..., None])


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

    Returns:
      new state, new codebooks, and metrics: `perplexity` (M,), `dead` (M,) shares in [0, 1].
    """
    m, k, d = codebooks.shape
    vectors = sub_vectors.reshape(-1, m, d)
    counts, sums = batch_statistics(vectors, indices.reshape(-1, m), k)
    state = CodebookState(
        decay * state.counts + (1 - decay) * counts, decay * state.sums + (1 - decay) * sums
    )
    if ema:
        means = state.sums / jnp.maximum(state.counts, _UNUSED)[..., None]
        codebooks = jnp.where((state.counts > _UNUSED)[..., None], means, codebooks)
    uniform = vectors.shape[0] / k
    dead = state.counts < dead_below * uniform
    candidates = _random_vectors(vectors, k, key)
    codebooks = jnp.where(dead[..., None], candidates, codebooks)
    fresh = jnp.where(dead, uniform, state.counts)
    state = CodebookState(fresh, jnp.where(dead[..., None], codebooks * uniform, state.sums))
    metrics = {"perplexity": perplexity(counts), "dead": dead.mean(-1)}
    return state, codebooks, metrics


def _random_vectors(vectors: jax.Array, k: int, key: jax.Array) -> jax.Array:
    """(N, M, d) -> (M, K, d): K random rows for each sub-quantizer."""
    rows = jax.random.randint(key, (k,), 0, vectors.shape[0])
    return vectors[rows].swapaxes(0, 1)
