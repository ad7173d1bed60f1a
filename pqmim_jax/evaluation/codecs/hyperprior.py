"""The hyperprior baseline as the evaluation sees it."""

from pathlib import Path

import numpy as np

from pqmim_jax.evaluation.codecs.digest import model_digest
from pqmim_jax.evaluation.codecs.interface import CodecError, Encoded, Setting


class HyperpriorBaseline:
    """A mean-scale hyperprior model at some of its rates.

    Times are of memory to memory, nothing else running. Its networks see a picture as a whole:
    the first picture of each size also pays for compiling them.
    """

    family = "hyperprior"
    parallel = False

    def __init__(self, path: str | Path):
        """Loads a model folder or workdir; `settings` are all of its rates.

        Raises:
          ModelError: no such model, or a damaged one.
        """
        from pqmim_jax.codec.hyperprior import HyperpriorCodec

        self._codec = HyperpriorCodec.load(path)
        model, rates = self._codec.model, self._codec.qualities
        self.settings = [
            Setting(f"q{quality}", {"quality": quality}) for quality in range(1, rates + 1)
        ]
        self.name = model.name
        self.label = f"Mean-scale hyperprior {model.name}"
        self.description = f"{rates} rates in one model; Minnen et al. 2018 without context model"
        self.version = f"fingerprint {model.fingerprint:04x}"
        arrays = {"params": model.params, "latents": model.latents, "hyper": model.hyper}
        self.fingerprint = model_digest(model.config, arrays)

    def warm_up(self) -> None:
        """Loads the programs with a smallest picture."""
        self._codec.decompress(self._codec.compress(np.zeros((1, 1, 3), np.uint8)))

    def encode(self, image: np.ndarray, setting: Setting) -> Encoded:
        """As `EvaluatedCodec.encode`."""
        try:
            encoded = self._codec.encode(image, **setting.parameters)
        except ValueError as error:  # such as a picture that is too large for it
            raise CodecError(str(error)) from error
        return Encoded(encoded.data, ideal_bits=encoded.ideal_bits)

    def decode(self, data: bytes) -> np.ndarray:
        """As `EvaluatedCodec.decode`."""
        return self._codec.decompress(data)
