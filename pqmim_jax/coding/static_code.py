"""What indices cost without an entropy model: the baseline that one is measured against."""

import numpy as np

from pqmim_jax.coding.pmf import code_length_bits, frequencies_from_counts


def counts_at(counts: np.ndarray, quality: int) -> np.ndarray:
    """Occurrences of codewords in pictures of a quality.

    Args:
      counts: (M, K) of all qualities together, or (M, M, K): row q - 1 is of quality q.
      quality: 1..M.

    Returns:
      (M, K), a view.
    """
    return counts if counts.ndim == 2 else counts[quality - 1]


def counts_of_all(counts: np.ndarray) -> np.ndarray:
    """Occurrences at all qualities together; (M, K), or (M, M, K) as in `counts_at` -> (M, K)."""
    return counts if counts.ndim == 2 else counts.sum(0)


def static_bits(counts: np.ndarray, indices: np.ndarray) -> float:
    """Ideal bits of indices without any context: one fixed distribution a codebook.

    What the entropy model saves is the distance from here to the bits that it needs.

    Args:
      counts: int64 (M, K), how often each codeword occurred in the training set; or (M, M, K), as
        in `counts_at`.
      indices: (h, w, M'), of quality M' <= M, each in [0, K).
    """
    sent = indices.shape[-1]
    frequencies = frequencies_from_counts(counts_at(counts, sent)[:sent])
    return sum(
        float(code_length_bits(np.broadcast_to(row, (*plane.shape, len(row))), plane).sum())
        for row, plane in zip(frequencies, np.moveaxis(indices, -1, 0), strict=True)
    )
