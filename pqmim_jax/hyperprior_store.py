"""Model folders of the hyperprior baseline: as `model_store`, of another kind.

model.json            kind "hyperprior", architecture, lambdas of the rates
weights.safetensors   "params/..." float32; "latents/..." and "hyper/...": weights of the coder's
                      symbols, int64, and the bounds of their alphabets, int32
"""

import json
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pqmim_jax import model_store
from pqmim_jax.model_store import ModelError

KIND = "hyperprior"
FORMAT = 1
_ALPHABETS = ("latents", "hyper")


@dataclass(frozen=True)
class StoredHyperprior:
    """A hyperprior model as it lies on disk."""

    name: str
    config: dict  # the section "hyperprior"
    lambdas: tuple[float, ...]  # of the rates: weight of the distortion against bits a pixel
    params: dict  # parameter tree of NumPy float32 arrays
    # Alphabets of the 64 scales, and of each rate's hyper-channels (rate-major): bounds (T, 2)
    # int32 and weights int64, see models.hyperprior.symbol_weights.SymbolWeights.
    latents: tuple[np.ndarray, np.ndarray]
    hyper: tuple[np.ndarray, np.ndarray]
    fingerprint: int  # 16 bits over everything that decides about bytes


def load_hyperprior(path: str | Path) -> StoredHyperprior:
    """Reads a model folder or the one in a training workdir.

    Raises:
      ModelError: missing, damaged, or of another kind.
    """
    path = model_store.model_path(path)
    manifest, tensors = model_store.read_folder(path, KIND, FORMAT)
    try:
        config, lambdas = manifest["hyperprior"], tuple(manifest["lambdas"])
        trees = model_store.to_tree(tensors)
        alphabets = [(trees[name]["bounds"], trees[name]["weights"]) for name in _ALPHABETS]
        digest = _fingerprint(config, tensors)
        name = model_store.name_of(path)
        return StoredHyperprior(name, config, lambdas, trees["params"], *alphabets, digest)
    except (ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{path}: {error}") from error


def save_hyperprior(path, config: dict, lambdas, params: dict, latents, hyper) -> None:
    """Writes a model folder; arguments as in `StoredHyperprior`, `params` of any float dtype."""
    params = {
        name: np.asarray(value, np.float32, order="C")
        for name, value in model_store.flatten({"params": params}).items()
    }
    alphabets = {
        f"{name}/{part}": np.ascontiguousarray(value)
        for name, pair in zip(_ALPHABETS, (latents, hyper), strict=True)
        for part, value in zip(("bounds", "weights"), pair, strict=True)
    }
    manifest = {"kind": KIND, "hyperprior": config, "lambdas": list(lambdas)}
    model_store.write_folder(path, manifest, {**params, **alphabets}, FORMAT)


def _fingerprint(config: dict, tensors: dict[str, np.ndarray]) -> int:
    """16 bits over a JSON-able config and all tensors."""
    crc = zlib.crc32(json.dumps(config, sort_keys=True).encode())
    for name in sorted(tensors):
        crc = zlib.crc32(name.encode(), crc)
        crc = zlib.crc32(np.ascontiguousarray(tensors[name]).tobytes(), crc)
    return (crc ^ (crc >> 16)) & 0xFFFF
