"""Networks that turn patches into the features that FID and KID compare."""

import hashlib
from abc import ABC, abstractmethod
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from pqmim_jax.evaluation.inception_weights import load_inception
from pqmim_jax.losses.lpips import features, load_lpips
from pqmim_jax.models.inception import FEATURES, InceptionV3


class FeatureExtractor(ABC):
    """uint8 patches (N, H, W, 3) to float32 features (N, D).

    Attributes:
      name: what reports call the features.
      comparable: whether distances over them may stand beside published FID and KID.
      width: D.
    """

    name: str
    comparable: bool
    width: int

    def __init__(self, batch: int) -> None:
        """`batch`: how many patches to work on at once."""
        self._batch_size = batch

    def __call__(self, patches: np.ndarray) -> np.ndarray:
        """Features of each patch; N may be 0."""
        if patches.dtype != np.uint8 or patches.ndim != 4 or patches.shape[-1] != 3:
            raise ValueError(f"need uint8 (N, H, W, 3), got {patches.dtype} {patches.shape}")
        starts = range(0, len(patches), self._batch_size)
        rows = [self._batch(patches[i : i + self._batch_size]) for i in starts]
        return np.concatenate([np.zeros((0, self.width), np.float32), *rows])

    def _batch(self, patches: np.ndarray) -> np.ndarray:
        # A short batch is filled up: one compiled program for all.
        full = np.pad(patches, [(0, self._batch_size - len(patches)), (0, 0), (0, 0), (0, 0)])
        with jax.default_matmul_precision("highest"):
            return np.asarray(self._features(full))[: len(patches)]

    @abstractmethod
    def _features(self, patches: np.ndarray) -> jax.Array:
        """(batch, H, W, 3) uint8 -> (batch, D)."""


class InceptionFeatures(FeatureExtractor):
    """The 2,048 features that published FID and KID are computed with.

    `weights_sha256` starts with 6726825d for the file that pytorch-fid publishes; whether a
    converted file holds those weights is the user's word.
    """

    name = "inception"
    comparable = True
    width = FEATURES

    def __init__(self, path: str | Path, *, batch: int = 8) -> None:
        """`path` as in `load_inception`; WeightsError if unusable."""
        super().__init__(batch)
        self._params = jax.device_put(load_inception(path))
        self.weights_sha256 = hashlib.sha256(Path(path).read_bytes()).hexdigest()
        network = InceptionV3()
        self._apply = jax.jit(lambda params, x: network.apply({"params": params}, x / 255))

    def _features(self, patches: np.ndarray) -> jax.Array:
        return self._apply(self._params, jnp.asarray(patches, jnp.float32))


class Vgg16Features(FeatureExtractor):
    """Means of VGG16's last feature map (relu5_3): 512 features, for use without Inception.

    Distances over them order codecs under one roof only; they are no FID or KID of the papers.
    """

    name = "vgg16-fid (not comparable to published FID)"
    comparable = False
    width = 512

    def __init__(self, path: str | Path | None = None, *, batch: int = 8) -> None:
        """`path` as in `load_lpips`; WeightsError if unusable."""
        super().__init__(batch)
        self._params = jax.device_put(load_lpips("vgg16", path))
        self._apply = jax.jit(
            lambda params, x: features(params, x / 255 - 0.5, trunk="vgg16")[-1].mean((1, 2))
        )

    def _features(self, patches: np.ndarray) -> jax.Array:
        return self._apply(self._params, jnp.asarray(patches, jnp.float32))


_EXTRACTORS = {"inception": InceptionFeatures, "vgg16": Vgg16Features}


def feature_extractor(name: str, path: str | Path | None = None) -> FeatureExtractor:
    """The extractor called `name`: "inception" (`path` needed) or "vgg16".

    Raises:
      ValueError: unknown name, or inception without a file.
      WeightsError: unusable weights.
    """
    if name not in _EXTRACTORS:
        raise ValueError(f"unknown features {name!r}; choices: {', '.join(_EXTRACTORS)}")
    if name == "inception" and path is None:
        raise ValueError(
            "inception features need a file of weights: pt_inception-2015-12-05-6726825d.pth of "
            "pytorch-fid"
        )
    return _EXTRACTORS[name](path)
