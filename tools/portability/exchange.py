"""One model in two runtimes, and what becomes of the files of one in the other."""

import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from portability.logits import LogitPrograms, all_logits, jax_head, onnx_head

from pqmim_jax.codec import Codec
from pqmim_jax.coding import PqmError
from pqmim_jax.export import export_model
from pqmim_jax.model_store import StoredModel
from pqmim_jax.runtime import load_codec


@dataclass
class Counts:
    """Of one quality."""

    files: int = 0
    different_bytes: int = 0
    wrong_indices: int = 0
    worst_pixel: int = 0
    pixels_off: int = 0
    logits: int = 0
    logits_off: int = 0
    seconds: float = 0.0

    @property
    def failed(self) -> bool:
        """Whether something must not be as it is."""
        return self.wrong_indices > 0 or self.logits_off > 0 or self.worst_pixel > 1


@dataclass
class Runtimes:
    """The codec of a model in JAX and in ONNX Runtime."""

    jax: Codec
    onnx: Codec
    heads: tuple[LogitPrograms, LogitPrograms] | None  # if logits are compared instead of files

    @classmethod
    def of(cls, model: StoredModel, folder: Path, *, logits: bool) -> "Runtimes":
        """Exports the model to `folder` if there is no such folder."""
        if not folder.exists():
            export_model(model, "onnx", folder)
        in_jax, in_onnx = Codec.of(model), load_codec(folder)
        heads = None
        if logits:
            heads = (
                LogitPrograms(in_jax.programs, jax_head(model)),
                LogitPrograms(in_onnx.programs, onnx_head(folder)),
            )
        return cls(in_jax, in_onnx, heads)

    def check(self, counts: Counts, image: np.ndarray, quality: int) -> None:
        """Adds one picture to `counts`."""
        start = time.perf_counter()
        if self.heads:
            self._compare_logits(counts, image, quality)
        else:
            self._exchange(counts, image, quality)
        counts.seconds += time.perf_counter() - start

    def _exchange(self, counts: Counts, image: np.ndarray, quality: int) -> None:
        made = [codec.encode(image, quality=quality) for codec in (self.jax, self.onnx)]
        counts.different_bytes += made[0].data != made[1].data
        cross(counts, made[0], self.jax, self.onnx, quality, image.shape[:2])
        cross(counts, made[1], self.onnx, self.jax, quality, image.shape[:2])

    def _compare_logits(self, counts: Counts, image: np.ndarray, quality: int) -> None:
        indices = self.jax.encode(image, quality=quality).indices
        codecs = zip((self.jax, self.onnx), self.heads, strict=True)
        both = (all_logits(codec, programs, indices, quality) for codec, programs in codecs)
        for a, b in zip(*both, strict=True):
            counts.logits += a.size
            counts.logits_off += int(np.count_nonzero(a != b))


def cross(counts: Counts, made, maker: Codec, reader: Codec, quality: int, size) -> None:
    """Decodes a file of `maker` by `reader`."""
    counts.files += 1
    expected = maker.decode_indices(made.indices, quality, size)
    try:
        found = reader.decompress(made.data)
    except PqmError as error:
        counts.wrong_indices += 1
        print(f"quality {quality}: {error}", file=sys.stderr)
        return
    difference = np.abs(expected.astype(np.int16) - found)
    counts.worst_pixel = max(counts.worst_pixel, int(difference.max()))
    counts.pixels_off += int(np.count_nonzero(difference.any(axis=-1)))
