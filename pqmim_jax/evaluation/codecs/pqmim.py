"""This project's codec as the evaluation sees it."""

from collections.abc import Sequence
from functools import partial

import numpy as np

from pqmim_jax.codec import Codec
from pqmim_jax.codec.results import EncodedImage
from pqmim_jax.coding import static_bits, unpack
from pqmim_jax.evaluation.codecs.digest import model_digest
from pqmim_jax.evaluation.codecs.interface import Encoded, Setting
from pqmim_jax.masking import canonical


class PqmimCodec:
    """A PQ-MIM model at some qualities and values of lambda.

    Times are of memory to memory, programs compiled, nothing else running.
    """

    family = "pqmim"
    parallel = False

    def __init__(
        self,
        codec: Codec,
        rate_weights: Sequence[float] | None = None,
        schedule: str | None = None,
    ):
        """`settings` are all qualities, each at the model's own lambda or those given.

        Raises:
          ValueError: a lambda or the schedule is not usable with this model.
        """
        self._codec = codec
        self._schedule = canonical(schedule or codec.default_schedule)
        self.settings = [
            self._setting(quality, weight)
            for quality in range(1, codec.qualities + 1)
            for weight in dict.fromkeys(rate_weights or (None,))
        ]
        self.name = codec.model.name
        self.label = f"PQ-MIM {codec.model.name}"
        self.description = f"M = {codec.qualities} codebooks, {self._schedule}"
        model = codec.model
        self.version = f"fingerprint {model.fingerprint:08x}, decoder {model.decoder:04x}"
        arrays = {"autoencoder": codec.model.autoencoder, "mim": codec.model.mim}
        self.fingerprint = model_digest(
            codec.model.config, {**arrays, "counts": codec.model.counts}
        )

    def warm_up(self) -> None:
        """Compiles all programs: they work on windows of one fixed size."""
        self._codec.decompress(self._codec.compress(np.zeros((1, 1, 3), np.uint8)))

    def encode(self, image: np.ndarray, setting: Setting) -> Encoded:
        """As `EvaluatedCodec.encode`."""
        encoded = self._codec.encode(image, **setting.parameters)
        quality = encoded.settings.quality
        return Encoded(
            encoded.data,
            ideal_bits=float(encoded.stage_bits.sum()),
            static_bits=static_bits(self._codec.model.counts, encoded.indices[..., :quality]),
            stage_bits=encoded.stage_bits.tolist(),
            token_bits=self._token_bits(encoded),
            indices=encoded.indices[..., :quality],
            reconstruction=partial(
                self._codec.decode_indices, encoded.indices, quality, image.shape[:2]
            ),
        )

    def decode(self, data: bytes) -> np.ndarray:
        """As `EvaluatedCodec.decode`."""
        return self._codec.decompress(data)

    def _setting(self, quality: int, weight: float | None) -> Setting:
        if weight is not None and not (weight >= 0 and np.isfinite(weight)):
            raise ValueError(f"--lambda must be 0 or more, got {weight:g}")
        name = f"q{quality}" if weight is None else f"q{quality}-l{weight:g}"
        parameters = {"quality": quality, "rate_weight": weight, "schedule": self._schedule}
        return Setting(name, parameters)

    def _token_bits(self, encoded: EncodedImage) -> np.ndarray:
        """(S, h, w) float32: what each token cost in each stage."""
        quality = encoded.settings.quality
        stages = self._codec.coding_order(unpack(encoded.data)[0]).stage_of_indices()
        bits = encoded.index_bits[..., :quality]
        return np.stack(
            [np.where(stages == s, bits, 0).sum(-1) for s in range(len(encoded.stage_bits))]
        )
