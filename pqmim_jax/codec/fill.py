"""What a decoder puts where a file holds no indices: the hybrid of compression and generation.

The MIM says how likely each codeword is; from that the most likely one is taken, or one is drawn,
or the decoder network gets their mean. Only truncated files and files of some stages need it.
"""

import math

import numpy as np

from pqmim_jax.codec.order import Chunk

FILLS = ("mean", "argmax", "sample")


class Fill:
    """Completes indices chunk by chunk, in coding order."""

    def __init__(self, how: str, codebooks: np.ndarray, temperature: float, seed: int):
        """See `Codec.decode`.

        Args:
          how: one of FILLS. "mean" is the best for PSNR, "sample" looks the liveliest.
          codebooks: (M, K, d) float32.
          temperature: > 0, of "sample": below 1 draws likely codewords more often.
          seed: of "sample", >= 0.

        Raises:
          ValueError: an argument is not as above.
        """
        if how not in FILLS:
            raise ValueError(f"unknown fill {how!r}; choices: {', '.join(FILLS)}")
        if not (temperature > 0 and math.isfinite(temperature)):
            raise ValueError(f"temperature must be a number > 0, got {temperature}")
        if seed < 0:
            raise ValueError(f"seed must be >= 0, got {seed}")
        self._how = how
        self._codebooks = codebooks
        self._temperature = temperature
        self._random = np.random.Generator(np.random.PCG64(seed))
        self._means: list[tuple[Chunk, np.ndarray]] = []

    def symbols(self, tables: np.ndarray, chunk: Chunk) -> np.ndarray:
        """What stands for the missing symbols of a chunk: (n,) from tables (n, K+1)."""
        frequencies = (tables[:, 1:] - tables[:, :-1]).astype(np.float64)
        if self._how == "sample":
            return self._draw(frequencies)
        if self._how == "mean":
            shares = (frequencies / tables[:, -1:]).astype(np.float32)
            self._means.append((chunk, shares @ self._codebooks[chunk.m]))
        return np.argmax(frequencies, axis=-1)

    def soften(self, latents: np.ndarray) -> None:
        """Puts means in place of filled codewords in latents (h, w, M, d) float32."""
        for chunk, means in self._means:
            latents[chunk.rows, chunk.columns, chunk.m] = means

    def _draw(self, frequencies: np.ndarray) -> np.ndarray:
        likeliest = frequencies.max(axis=-1, keepdims=True)
        cumulative = np.cumsum((frequencies / likeliest) ** (1 / self._temperature), axis=-1)
        slots = self._random.random(len(cumulative)) * cumulative[:, -1]
        return np.minimum((cumulative <= slots[:, None]).sum(axis=-1), frequencies.shape[-1] - 1)
