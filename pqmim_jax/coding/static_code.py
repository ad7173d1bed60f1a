"""What indices cost without an entropy model: the baseline that one is measured against."""

import numpy as np

from pqmim_jax.coding.pmf import code_length_bits, frequencies_from_counts


def static_bits(counts: np.ndarray, indices: np.ndarray) -> float:
    """Ideal bits of indices without any context: one fixed distribution a codebook.

    What the entropy model saves is the distance from here to the bits that it needs.

    Args:
      counts: int64 (M, K), how often each codeword occurred in the training set.
      indices: (h, w, M'), M' <= M, each in [0, K).
    """
    sent = indices.shape[-1]
    frequencies = frequencies_from_counts(counts[:sent])
    return sum(
        float(code_length_bits(np.broadcast_to(row, (*plane.shape, len(row))), plane).sum())
        for row, plane in zip(frequencies, np.moveaxis(indices, -1, 0), strict=True)
    )
