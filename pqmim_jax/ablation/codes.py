"""Pictures as indices, made once and kept in the workdir by a digest of all that decides them."""

import hashlib
import os
import zipfile
from dataclasses import dataclass
from pathlib import Path

import jax
import numpy as np
from ml_collections import ConfigDict

from pqmim_jax.ablation.grid import digest
from pqmim_jax.codec import Codec
from pqmim_jax.data import train_iterator
from pqmim_jax.data.sources import FolderSource, ImageSource, open_source
from pqmim_jax.images import middle
from pqmim_jax.model_store import StoredModel
from pqmim_jax.models import build_autoencoder
from pqmim_jax.training.config import ConfigError
from pqmim_jax.training.pqvae_step import to_network

_BATCH = 8  # crops encoded at once
# A pool of its own for the data; grids differ between it and the pictures to evaluate.
_CROPS_SEED = 1


@dataclass(frozen=True)
class EvaluatedPicture:
    """A held-out picture."""

    name: str
    height: int  # pixels
    width: int
    indices: np.ndarray  # (h, w, M) int32


@dataclass(frozen=True)
class CodeFiles:
    """Where the codes of a config lie, and their digests."""

    training: Path
    evaluation: Path
    key: str  # digest of both


def code_files(config, model: StoredModel, folder: Path) -> CodeFiles:
    """The files for the data of a config, whether they are there or not.

    Pictures of a folder are told apart by name and size of their files.

    Raises:
      DataError: a source cannot be opened.
    """
    weights = _weights_digest(model)
    data = {k: v for k, v in config.data.to_dict().items() if k in _DECIDES}
    trained = [weights, data, _describe(open_source(config.data.source))]
    training = digest([*trained, config.mim_training.crop, config.ablation.crops])
    options = config.evaluation
    window = [model.config["codec"]["window"], options.images, options.crop]
    evaluation = digest([weights, window, _describe(open_source(options.source))])
    return CodeFiles(
        folder / f"training-{training}.npz",
        folder / f"evaluation-{evaluation}.npz",
        digest([training, evaluation]),
    )


_DECIDES = (
    *("augmentation", "min_scale", "max_scale", "flip", "synthetic_share"),
    *("crops_per_image", "cache_mb"),
)


def write_training_codes(config, model: StoredModel, path: Path) -> None:
    """Encodes `ablation.crops` training crops: array "codes", uint16 (N, side, side, M)."""
    count = config.ablation.crops
    if count < 1:
        raise ConfigError(f"ablation.crops must be >= 1, got {count}")
    autoencoder = build_autoencoder(ConfigDict(model.config["autoencoder"]))

    @jax.jit
    def encode(crops):
        params = {"params": model.autoencoder}
        return autoencoder.apply(params, to_network(crops), 0.0, method="indices")

    data = ConfigDict({**config.data.to_dict(), "crop": config.mim_training.crop})
    batches = train_iterator(data, batch_size=_BATCH, seed=_CROPS_SEED)
    found = [np.asarray(encode(next(batches)["image"])) for _ in range(-(-count // _BATCH))]
    batches.close()
    _write(path, codes=np.concatenate(found)[:count].astype(np.uint16))


def write_evaluation_codes(config, codec: Codec, path: Path) -> None:
    """Encodes the held-out pictures, or their middles, as the codec does.

    Raises:
      ConfigError: `evaluation.crop` is negative.
    """
    options = config.evaluation
    if options.crop < 0:
        raise ConfigError(f"evaluation.crop must be >= 0 pixels, got {options.crop}")
    source = open_source(options.source)
    count = min(options.images or len(source), len(source))
    pictures = [middle(source[i], options.crop) for i in range(count)]
    arrays = {
        f"picture_{i}": codec.nearest_indices(picture).astype(np.uint16)
        for i, picture in enumerate(pictures)
    }
    names = np.array([_name(source, i) for i in range(count)])
    sizes = np.array([picture.shape[:2] for picture in pictures])
    _write(path, names=names, sizes=sizes, **arrays)


def read_training_codes(path: Path) -> np.ndarray:
    """(N, h, w, M) uint16."""
    with np.load(path) as file:
        return file["codes"]


def read_evaluation_codes(path: Path) -> list[EvaluatedPicture]:
    """The held-out pictures in the order of their source."""
    with np.load(path) as file:
        return [
            EvaluatedPicture(str(name), int(h), int(w), file[f"picture_{i}"].astype(np.int32))
            for i, (name, (h, w)) in enumerate(zip(file["names"], file["sizes"], strict=True))
        ]


def _describe(source: ImageSource) -> list:
    if isinstance(source, FolderSource):
        return [[os.path.basename(path), os.path.getsize(path)] for path in source.paths]
    return [source.name, len(source)]


def _name(source: ImageSource, index: int) -> str:
    if isinstance(source, FolderSource):
        return os.path.basename(source.paths[index])
    return f"{source.name} record {index}"


def _weights_digest(model: StoredModel) -> str:
    leaves = jax.tree.leaves_with_path(model.autoencoder)
    summed = hashlib.sha256()
    for path, leaf in leaves:
        summed.update(jax.tree_util.keystr(path).encode() + np.ascontiguousarray(leaf).tobytes())
    return digest([summed.hexdigest(), model.config["autoencoder"]])


def _write(path: Path, **arrays: np.ndarray) -> None:
    """Atomic, and the same bytes for the same arrays."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(f".{os.getpid()}.partial")
    with zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, array in arrays.items():
            with archive.open(zipfile.ZipInfo(f"{name}.npy"), "w") as member:
                np.lib.format.write_array(member, np.asarray(array), allow_pickle=False)
    partial.replace(path)
