"""Model folders: a manifest, weights, and a card. No pickles.

model.json              architecture, codec settings
weights.safetensors     "autoencoder/..." float16, "mim/..." integers (`pqmim_jax.integer`),
                        "codeword_counts", unsigned integers of any size
float_mim.safetensors   "mim/..." float16: the MIM as it was trained, for training that goes on from
                        it (optional; files are made and read without)
README.md               the model card (optional)
"""

import hashlib
import json
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import numpy as np

from pqmim_jax import masking

FORMAT = 2
_FLOAT_FORMAT = 1  # whose weights held the MIM in float16
KIND = "pqmim"  # of model; a manifest without one is of this kind
DEFAULT = "small"
# Parts of the autoencoder that are the encoder's own business: files decode the same without.
_ENCODING_ONLY = ("encoder", "to_latents", "linear_analysis")
WORKDIR_FOLDER = "model"  # where a training workdir keeps its model
WEIGHTS, FLOAT_MIM = "weights.safetensors", "float_mim.safetensors"
COUNTS = "codeword_counts"
ARITHMETIC = 1  # version of the operations in `pqmim_jax.integer`: another one, other logits


class ModelError(ValueError):
    """A model folder is missing or unusable."""


@dataclass(frozen=True)
class StoredModel:
    """A model as it lies on disk."""

    name: str
    config: dict  # sections "autoencoder", "mim", "codec"
    autoencoder: dict  # parameter tree of NumPy float32 arrays
    mim: dict  # tree of NumPy integer arrays, see `pqmim_jax.integer`
    # Codewords' occurrences in the training set, int64: (M, K), or (M, M, K) whose row q - 1 is of
    # pictures of quality q.
    counts: np.ndarray
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
    """Reads a model; ModelError if it is missing or damaged, or its MIM is not in integers."""
    path = model_path(name_or_path)
    manifest, tensors = read_folder(path, KIND, FORMAT)
    try:
        config = {name: manifest[name] for name in ("autoencoder", "mim", "codec")}
        counts = _counts(manifest, tensors)
        trees = to_tree(tensors)
        halves = flatten(trees["autoencoder"])
        autoencoder = to_tree({name: value.astype(np.float32) for name, value in halves.items()})
        mim = trees["mim"]
        digests = fingerprint(config, tensors), decoder_digest(config, tensors)
    except (ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{path}: {error}") from error
    return StoredModel(name_of(path), config, autoencoder, mim, counts, *digests)


@dataclass(frozen=True)
class ModelSummary:
    """What a model is called, and what its files say of it."""

    name: str
    config: dict
    fingerprint: int
    decoder: int


def summary(name_or_path: str | Path) -> ModelSummary:
    """Of a model, without making arrays of it; errors as `load_model`."""
    path = model_path(name_or_path)
    manifest, tensors = read_folder(path, KIND, FORMAT)
    try:
        config = {name: manifest[name] for name in ("autoencoder", "mim", "codec")}
        digests = fingerprint(config, tensors), decoder_digest(config, tensors)
    except (ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{path}: {error}") from error
    return ModelSummary(name_of(path), config, *digests)


def load_float_mim(name_or_path: str | Path) -> dict:
    """Parameters of a model's MIM as it was trained, float32; ModelError if they are not there."""
    path = model_path(name_or_path)
    is_old = _manifest(path).get("format") == _FLOAT_FORMAT
    file = path / (WEIGHTS if is_old else FLOAT_MIM)
    if not file.is_file():
        raise ModelError(
            f"{path} holds its MIM in integers only: there is no {FLOAT_MIM} to go on from"
        )
    tensors = _read_tensors(file)
    floats = {name: value.astype(np.float32) for name, value in tensors.items()}
    return to_tree({k: v for k, v in floats.items() if k.startswith("mim/")})["mim"]


def load_float_model(name_or_path: str | Path) -> tuple[dict, dict, dict, np.ndarray]:
    """Config, autoencoder, float MIM and counts of a folder, whichever format it has."""
    path = model_path(name_or_path)
    manifest = _manifest(path)
    _, tensors = read_folder(path, KIND, manifest.get("format"))
    floats = {k: v.astype(np.float32) for k, v in tensors.items() if k.startswith("autoencoder/")}
    try:
        config = {name: manifest[name] for name in ("autoencoder", "mim", "codec")}
        counts = _counts(manifest, tensors)
        return config, to_tree(floats)["autoencoder"], load_float_mim(path), counts
    except (KeyError, ValueError, TypeError) as error:
        raise error if isinstance(error, ModelError) else ModelError(f"{path}: {error}") from error


def name_of(path: Path) -> str:
    """What a model in this folder is called."""
    return path.parent.name if path.name == WORKDIR_FOLDER else path.name


def read_folder(path: Path, kind: str, expected: int) -> tuple[dict, dict[str, np.ndarray]]:
    """Manifest and tensors of a model folder.

    Args:
      kind: of model.
      expected: format of the folder.

    Raises:
      ModelError: damaged, or of another kind or format.
    """
    manifest = _manifest(path)
    found = manifest.get("kind", KIND)
    if found != kind:
        raise ModelError(f"{path} holds a model of kind {found!r}, not {kind!r}")
    if manifest.get("format") != expected:
        is_old = kind == KIND and manifest.get("format") == _FLOAT_FORMAT
        hint = ": its MIM is not in integers; `pqmim integers` converts it" if is_old else ""
        raise ModelError(f"{path}: model format {manifest.get('format')} is not supported{hint}")
    return manifest, _read_tensors(path / WEIGHTS)


def _read_tensors(file: Path) -> dict[str, np.ndarray]:
    from safetensors import SafetensorError  # the runtime without JAX has no use for it
    from safetensors.numpy import load_file

    try:
        return load_file(file)
    except (OSError, ValueError, SafetensorError) as error:
        raise ModelError(f"{file.parent}: {error}") from error


def _counts(manifest: dict, tensors: dict[str, np.ndarray]) -> np.ndarray:
    """int64; models of before counts were a tensor have them in the manifest."""
    found = tensors[COUNTS] if COUNTS in tensors else np.array(manifest[COUNTS])
    m, k = (manifest["autoencoder"][name] for name in ("num_codebooks", "num_codewords"))
    if found.dtype.kind not in "iu" or found.shape not in ((m, k), (m, m, k)):
        raise ValueError(f"{COUNTS} are not whole numbers {(m, k)} or {(m, m, k)}")
    return found.astype(np.int64)


def _manifest(path: Path) -> dict:
    try:
        manifest = json.loads((path / "model.json").read_text())
    except (OSError, ValueError) as error:
        raise ModelError(f"{path}: {error}") from error
    if not isinstance(manifest, dict):
        raise ModelError(f"{path}: model.json is no JSON object")
    return manifest


def save_model(
    path: Path,
    config: dict,
    autoencoder: dict,
    mim: dict,
    counts: np.ndarray,
    float_mim: dict | None = None,
    dtype=np.float16,
) -> None:
    """Writes a model folder.

    Args:
      config: JSON-able dict with the sections "autoencoder", "mim", "codec".
      autoencoder: parameter tree.
      mim: tree of integer arrays.
      counts: (M, K) or (M, M, K) int, each >= 0.
      float_mim: parameter tree that `mim` was made from, to be kept beside it.
      dtype: of the float tensors.
    """
    tensors = _halves({"autoencoder": autoencoder}, dtype) | flatten({"mim": mim})
    tensors[COUNTS] = compact(counts)
    sections = {name: config[name] for name in ("autoencoder", "mim", "codec")}
    trained = None if float_mim is None else _halves({"mim": float_mim}, dtype)
    write_folder(path, sections, tensors, FORMAT, trained)


def compact(counts: np.ndarray) -> np.ndarray:
    """Whole numbers >= 0 in the smallest unsigned type that holds them, C order."""
    return np.asarray(counts, np.min_scalar_type(np.max(counts)), order="C")


def _halves(tree: dict, dtype) -> dict[str, np.ndarray]:
    return {name: np.asarray(a, dtype, order="C") for name, a in flatten(tree).items()}


def write_folder(
    path: Path,
    manifest: dict,
    tensors: dict[str, np.ndarray],
    version: int,
    float_mim: dict[str, np.ndarray] | None = None,
) -> None:
    """Writes a model folder; the manifest last, so that a crash leaves no half model."""
    from safetensors.numpy import save

    path.mkdir(parents=True, exist_ok=True)
    (path / "model.json").unlink(missing_ok=True)  # never an old manifest beside new weights
    (path / WEIGHTS).write_bytes(save(tensors))
    if float_mim is None:
        (path / FLOAT_MIM).unlink(missing_ok=True)
    else:
        (path / FLOAT_MIM).write_bytes(save(float_mim))
    partial = path / "model.json.partial"
    partial.write_text(json.dumps({"format": version, **manifest}, sort_keys=True) + "\n")
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
        "mim": {name: config["mim"][name] for name in ("depth", "heads")},
        "codec": {
            "window": codec["window"],
            "halo": codec["halo"],
            "schedule": masking.canonical(codec["schedule"]),
        },
        "arithmetic": ARITHMETIC,
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
