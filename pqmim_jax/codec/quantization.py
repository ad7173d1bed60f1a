"""Which codeword the encoder sends: the nearest one, or the best one for its price.

Rate-aware quantization: argmin_k ||z_m - c_{m,k}||^2 + lambda * bits(k | context), stage by stage.
The decoder knows nothing of it.
"""

import numpy as np

from pqmim_jax.coding import counts_at, frequencies_from_counts
from pqmim_jax.model_store import StoredModel

PEAK = 255.0
# Code length of every frequency out of 2**16: looking it up is cheaper than a logarithm for each
# codeword. None has frequency 0.
_BITS = 16 - np.log2(np.maximum(np.arange(2**16 + 1), 1)).astype(np.float32)


def squared_distances(sub_vectors: np.ndarray, codebook: np.ndarray) -> np.ndarray:
    """Squared distance of sub-vectors (n, d) to codewords (K, d), less ||z||^2.

    Returns:
      (n, K) float32 in squared 8-bit units, summed over the samples of a token. What is left out
      is the same for all codewords.
    """
    norms = np.sum(codebook * codebook, axis=-1)
    return PEAK**2 * (norms - 2 * (sub_vectors @ codebook.T))


def choose(distances: np.ndarray, tables: np.ndarray, rate_weight: float) -> np.ndarray:
    """Cheapest codewords, (n,) int64.

    Args:
      distances: (n, K) from `squared_distances`.
      tables: (n, K+1) uint32 cumulative frequencies out of 2**16.
      rate_weight: lambda, squared error (8-bit units, summed over a token) worth one bit; >= 0.
    """
    if rate_weight == 0:
        return np.argmin(distances, axis=-1)
    frequencies = tables[:, 1:] - tables[:, :-1]
    return np.argmin(distances + np.float32(rate_weight) * _BITS[frequencies], axis=-1)


def static_prices(counts: np.ndarray, quality: int) -> np.ndarray:
    """Bits of codewords without context, (M, K) float32, at most 16: none is priced out.

    Args:
      counts: (M, K) or (M, M, K) int64: how often they occur, as in `coding.counts_at`.
      quality: of the picture.
    """
    return _BITS[frequencies_from_counts(counts_at(counts, quality))]


def as_compared(model: StoredModel) -> np.ndarray:
    """Codebooks (M, K, d) float32, l2-normalised if the model's look-up is."""
    codebooks = model.autoencoder["quantizer"]["codebooks"]
    if not model.config["autoencoder"]["normalize_codes"]:
        return codebooks
    return codebooks / np.maximum(np.linalg.norm(codebooks, axis=-1, keepdims=True), 1e-6)
