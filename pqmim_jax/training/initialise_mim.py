"""Data-dependent start of stage 2: frequencies and the codewords' geometry (ours)."""

import jax
import jax.numpy as jnp
import numpy as np

from pqmim_jax.models.mim import MaskedImageModel


def codeword_counts(indices: np.ndarray, num_codewords: int) -> np.ndarray:
    """Occurrences of every codeword; (..., M) int -> (M, K) int64."""
    flat = indices.reshape(-1, indices.shape[-1])
    return np.stack([np.bincount(column, minlength=num_codewords) for column in flat.T])


def initialise(
    model: MaskedImageModel, params: dict, counts: np.ndarray, codebooks: np.ndarray, key: jax.Array
) -> dict:
    """Parameters to start training from.

    Output biases are the log frequencies of the codewords. Embedding tables and output kernels
    start as random mixtures of the codewords' coordinates and their squares, so that codewords
    close to each other start with similar embeddings and similar logits.

    Args:
      params: freshly initialised parameters of `model`.
      counts: (M, K) int, codewords' occurrences in the training set.
      codebooks: (M, K, d) float32.
    """
    features = jnp.asarray(codeword_features(codebooks))
    m, k, n = features.shape
    embed_key, output_key = jax.random.split(key)
    mix = jax.random.normal(embed_key, (m, n, model.embedding_dim)) / np.sqrt(n)
    # The mask's embedding (row K) stays random: were it zero, a window of masks would be all zeros
    # behind every LayerNorm, whose gradient there is a thousandfold and overflows in a deep stack.
    tables = params["embedding"]["tables"].at[:, :k].set(features @ mix)
    mix = jax.random.normal(output_key, (m, model.head_width, n)) / np.sqrt(n)
    kernel = jnp.einsum("mhn,mkn->mhk", mix, features) / np.sqrt(model.head_width) * 0.1
    smoothed = counts + 0.5
    bias = np.log(smoothed / smoothed.sum(-1, keepdims=True)).astype(np.float32)
    head = {**params["head"], "output": kernel, "output_bias": jnp.asarray(bias)}
    return {**params, "embedding": {"tables": tables}, "head": head}


def codeword_features(codebooks: np.ndarray) -> np.ndarray:
    """Coordinates and squares of codewords, standardised; (M, K, d) -> (M, K, 2d) float32.

    A distribution that is Gaussian in the latent is linear in these. Coordinates that never vary
    (unused dimensions) are zero.
    """
    features = np.concatenate([codebooks, codebooks**2], axis=-1)
    centred = features - features.mean(1, keepdims=True)
    scale = centred.std(1, keepdims=True)
    largest = scale.max(axis=(1, 2), keepdims=True)
    return np.where(scale > 1e-3 * largest, centred / np.maximum(scale, 1e-9), 0).astype(np.float32)
