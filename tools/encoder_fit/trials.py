"""What pictures cost, in bits and in squared error: real encodings, each made once."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from pqmim_jax.codec import Codec
from pqmim_jax.codec.settings import check_settings


@dataclass(frozen=True)
class Outcome:
    """Of all pictures together."""

    bits: float  # of whole files
    error: float  # squared, 8-bit units, summed over pixels and channels
    samples: int  # pixels times channels

    def cost(self, rate_weight: float) -> float:
        """Squared error + lambda x bits."""
        return self.error + rate_weight * self.bits

    @property
    def bits_per_pixel(self) -> float:
        """Of whole files."""
        return 3 * self.bits / self.samples

    @property
    def psnr(self) -> float:
        """Of the mean squared error, in dB."""
        return float(10 * np.log10(255.0**2 * self.samples / max(self.error, 1e-9)))


class Trials:
    """Encodes pictures as often as is asked; calling it with the same numbers costs nothing."""

    def __init__(self, codec: Codec, images: Sequence[np.ndarray]):
        """`images`: uint8, as `Codec.encode` takes them."""
        self._codec = codec
        self._prepared = [codec.prepare(image) for image in images]
        self._known: dict[tuple[int, float, float], Outcome] = {}

    def __call__(self, quality: int, rate_weight: float, curvature: float) -> Outcome:
        """All pictures at a quality, with this lambda and this curvature."""
        key = quality, rate_weight, curvature
        if key not in self._known:
            self._known[key] = self._encode_all(*key)
        return self._known[key]

    def _encode_all(self, quality: int, rate_weight: float, curvature: float) -> Outcome:
        settings = check_settings(
            self._codec.limits,
            quality=quality,
            rate_weight=rate_weight,
            schedule=None,
            stages=None,
            shrink=1,
        )
        settings = replace(settings, curvature=curvature)
        bits, error, samples = 0, 0.0, 0
        for prepared in self._prepared:
            colour = prepared.colour
            encoded = self._codec.encode_prepared(prepared, settings)
            picture = self._codec.decode_indices(encoded.indices, quality, colour.shape[:2])
            bits += 8 * len(encoded.data)
            error += float(np.sum((picture.astype(np.float64) - colour) ** 2))
            samples += colour.size
        return Outcome(bits, error, samples)
