"""Model folders: `model.json`, `weights.safetensors` (16 bits) and a card. No pickles.

model.json            architecture, codec settings, static codeword counts
weights.safetensors   "autoencoder/..." and "mim/..." tensors, float16
README.md             the model card (optional)
"""

import hashlib
import json
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import numpy as np

from pqmim_jax import masking

FORMAT = 1
KIND = "pqmim"  # of model; a manifest without one is of this kind
DEFAULT = "small"
# Parts of the autoencoder that are the encoder's own business: files decode the same without.
_ENCODING_ONLY = ("encoder", "to_latents", "linear_analysis")
WORKDIR_FOLDER = "model"  # where a training workdir keeps its model


class ModelError(ValueError):
    """A model folder is missing or unusable."""


@dataclass(frozen=True)
class StoredModel:
    """A model as it lies on disk."""

    name: str
    config: dict  # sections "autoencoder", "mim", "codec"
    autoencoder: dict  # parameter tree of NumPy float32 arrays
    mim: dict
    counts: np.ndarray  # (M, K) int64: codewords' occurrences in the training set
    fingerprint: int  # 32 bits, see `fingerprint`
    decoder: int  # 16 bits, see `decoder_digest`


def packaged_names() -> list[str]:
    """Models that come with the package."""
    folder = _packaged()
    if not folder.is_dir():
        return []
    return sorted(entry.name for entry in folder.iterdir() if (entry / "model.json").is_file())


def model_path(name_or_path: str | Path) -> Path:
    """Folder of a packaged model's name, a model folder, or a training workdir.

    Raises:
      ModelError: none of these; the message lists the packaged models.
    """
    if str(name_or_path) in packaged_names():
        return Path(str(_packaged() / str(name_or_path)))
    path = Path(name_or_path)
    for folder in (path, path / WORKDIR_FOLDER):
        if (folder / "model.json").is_file():
            return folder
    raise ModelError(
        f"no model {str(name_or_path)!r}: not a model folder or workdir, and the packaged models "
        f"are: {', '.join(packaged_names()) or 'none'}"
    )


def holds_model(name_or_path: str | Path) -> bool:
    """Whether `load_model` would find a model there."""
    try:
        return bool(model_path(name_or_path))
    except ModelError:
        return False


def kind_of(name_or_path: str | Path) -> str:
    """Kind of the model there, such as "pqmim"; ModelError if there is none, or it is damaged."""
    return str(_manifest(model_path(name_or_path)).get("kind", KIND))


def load_model(name_or_path: str | Path = DEFAULT) -> StoredModel:
    """Reads a model; ModelError if it is missing or damaged."""
    path = model_path(name_or_path)
    manifest, tensors = read_folder(path, KIND)
    try:
        config = {name: manifest[name] for name in ("autoencoder", "mim", "codec")}
        counts = np.array(manifest["codeword_counts"], np.int64)
        trees = to_tree({name: value.astype(np.float32) for name, value in tensors.items()})
        autoencoder, mim = trees["autoencoder"], trees["mim"]
        digests = fingerprint(config, tensors), decoder_digest(config, tensors)
    except (ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{path}: {error}") from error
    return StoredModel(name_of(path), config, autoencoder, mim, counts, *digests)


def name_of(path: Path) -> str:
    """What a model in this folder is called."""
    return path.parent.name if path.name == WORKDIR_FOLDER else path.name


def read_folder(path: Path, kind: str) -> tuple[dict, dict[str, np.ndarray]]:
    """Manifest and tensors of a model folder; ModelError if damaged, or of another kind."""
    from safetensors import SafetensorError  # the runtime without JAX has no use for it
    from safetensors.numpy import load_file

    try:
        manifest = _manifest(path)
        found = manifest.get("kind", KIND)
        if found != kind:
            raise ModelError(f"{path} holds a model of kind {found!r}, not {kind!r}")
        if manifest["format"] != FORMAT:
            raise ModelError(f"{path}: model format {manifest['format']} is not supported")
        return manifest, load_file(path / "weights.safetensors")
    except (OSError, ValueError, KeyError, SafetensorError) as error:
        raise error if isinstance(error, ModelError) else ModelError(f"{path}: {error}") from error


def _manifest(path: Path) -> dict:
    try:
        manifest = json.loads((path / "model.json").read_text())
    except (OSError, ValueError) as error:
        raise ModelError(f"{path}: {error}") from error
    if not isinstance(manifest, dict):
        raise ModelError(f"{path}: model.json is no JSON object")
    return manifest


def save_model(
    path: Path, config: dict, autoencoder: dict, mim: dict, counts: np.ndarray, dtype=np.float16
) -> None:
    """Writes a model folder.

    Args:
      config: JSON-able dict with the sections "autoencoder", "mim", "codec".
      autoencoder, mim: parameter trees.
      counts: (M, K) int.
    """
    tensors = flatten({"autoencoder": autoencoder, "mim": mim})
    halves = {name: np.asarray(value, dtype, order="C") for name, value in tensors.items()}
    sections = {name: config[name] for name in ("autoencoder", "mim", "codec")}
    write_folder(path, {**sections, "codeword_counts": np.asarray(counts).tolist()}, halves)


def write_folder(path: Path, manifest: dict, tensors: dict[str, np.ndarray]) -> None:
    """Writes a model folder; the manifest last, so that a crash leaves no half model."""
    from safetensors.numpy import save

    path.mkdir(parents=True, exist_ok=True)
    (path / "model.json").unlink(missing_ok=True)  # never an old manifest beside new weights
    (path / "weights.safetensors").write_bytes(save(tensors))
    partial = path / "model.json.partial"
    partial.write_text(json.dumps({"format": FORMAT, **manifest}, sort_keys=True) + "\n")
    partial.replace(path / "model.json")


def _packaged():
    return resources.files("pqmim_jax") / "packaged"


def fingerprint(config: dict, tensors: dict[str, np.ndarray]) -> int:
    """32 bits over what decides about indices: a file decodes with models of its fingerprint only.

    Args:
      config: JSON-able dict with the sections "autoencoder", "mim", "codec".
      tensors: of the model folder, by their names there; those of the MIM count.

    Raises:
      KeyError, ValueError: a field is missing, or the schedule is unusable.
    """
    codec = config["codec"]
    sections = {
        "autoencoder": {
            name: config["autoencoder"][name] for name in ("f", "num_codebooks", "num_codewords")
        },
        "mim": config["mim"],
        "codec": {
            "window": codec["window"],
            "halo": codec["halo"],
            "schedule": masking.canonical(codec["schedule"]),
            "mim_precision": codec.get("mim_precision", "float32"),
        },
    }
    weights = {name: value for name, value in tensors.items() if name.startswith("mim/")}
    return int.from_bytes(_sha256(sections, weights)[:4], "little")


def decoder_digest(config: dict, tensors: dict[str, np.ndarray]) -> int:
    """16 bits over what makes pixels of indices; arguments as `fingerprint`."""
    weights = {
        name: value
        for name, value in tensors.items()
        if name.startswith("autoencoder/") and name.split("/")[1] not in _ENCODING_ONLY
    }
    return int.from_bytes(_sha256(config["autoencoder"], weights)[:2], "little")


def _sha256(config: dict, tensors: dict[str, np.ndarray]) -> bytes:
    """Of canonical JSON (config; name, dtype and shape of each tensor), then the tensors' bytes.

    Tensors are taken in the order of their names, as little-endian bytes in C order.
    """
    arrays = [(name, _little_endian(tensors[name])) for name in sorted(tensors)]
    listed = [[name, array.dtype.str, array.shape] for name, array in arrays]
    text = json.dumps([config, listed], sort_keys=True, separators=(",", ":"))
    digest = hashlib.sha256(text.encode())
    for _, array in arrays:
        digest.update(array.tobytes())
    return digest.digest()


def _little_endian(values: np.ndarray) -> np.ndarray:
    return values.astype(values.dtype.newbyteorder("<"))


def flatten(tree: dict, prefix: str = "") -> dict[str, np.ndarray]:
    """Arrays of a parameter tree by their paths, "a/b/c"."""
    flat = {}
    for key, value in tree.items():
        if isinstance(value, dict):
            flat |= flatten(value, f"{prefix}{key}/")
        else:
            flat[prefix + key] = np.asarray(value)
    return flat


def to_tree(flat: dict[str, np.ndarray]) -> dict:
    """Inverse of `flatten`."""
    tree: dict = {}
    for name, value in flat.items():
        *parents, leaf = name.split("/")
        node = tree
        for parent in parents:
            node = node.setdefault(parent, {})
        node[leaf] = value
    return tree
