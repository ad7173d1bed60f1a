"""An exported model as the codec needs it."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pqmim_jax.codec.program_set import AUTOENCODER_HALO, OUTSIDE
from pqmim_jax.runtime.manifest import MANIFEST, ExportError, read_file, read_manifest
from pqmim_jax.runtime.shapes import OPTIONAL_ROLES, UNCUT_ROLES, check_shapes

_AUTOENCODER = ("f", "num_codebooks", "num_codewords", "codeword_dim", "normalize_codes")
_CODEC = ("window", "halo", "schedule", "rate_weights", "refinement_steps", "curvature")


@dataclass(frozen=True)
class ExportedModel:
    """What the manifest of an export to ONNX says."""

    folder: Path
    manifest: dict
    name: str
    config: dict  # sections "autoencoder" and "codec", as far as they decide about files
    fingerprint: int
    decoder: int
    codebooks: np.ndarray  # (M, K, d) float32, as compared and looked up
    counts: np.ndarray  # (M, K) or (M, M, K) int64, see `codec.program_set.Model`

    def program(self, description: dict) -> bytes:
        """The ONNX model of an entry of the manifest's "programs"; raises ExportError."""
        return read_file(self.folder, self.manifest, description["file"])


def load_exported(folder: str | Path) -> ExportedModel:
    """Reads what is needed at once; the programs are read when they are used.

    Raises:
      ExportError: the folder is missing, damaged, or no export to ONNX.
    """
    folder = Path(folder)
    manifest = read_manifest(folder, "onnx")
    try:
        flat = manifest["config"]
        config = {
            "autoencoder": {name: flat[name] for name in _AUTOENCODER},
            "codec": {name: flat[name] for name in _CODEC},
        }
        _check_versions(folder, flat)
        _check_programs(manifest["programs"], flat)
        digests = int(manifest["fingerprint"], 16), int(manifest["decoder"], 16)
        codebooks, counts = _codebooks(folder, manifest), _counts(folder, manifest)
        name = manifest["model"]
        return ExportedModel(folder, manifest, name, config, *digests, codebooks, counts)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        if isinstance(error, ExportError):
            raise
        raise ExportError(f"{folder}: {MANIFEST} is damaged: {error!r}") from error


def _check_versions(folder: Path, flat: dict) -> None:
    another = f"{folder} was exported by another version"
    if flat.get("outside") != OUTSIDE:
        raise ExportError(f"{another}: outside is {flat.get('outside')}, here {OUTSIDE}")
    for name, least in (("autoencoder_halo", 1), ("filter_halo", 0)):
        if flat.get(name) not in range(least, AUTOENCODER_HALO + 1):
            raise ExportError(f"{another}: no usable {name}")


def _check_programs(programs: dict, config: dict) -> None:
    uncut = [programs[role] for role in UNCUT_ROLES - (OPTIONAL_ROLES - programs.keys())]
    for each in (*programs["encode"], *programs["decode"], *uncut):
        each["file"]
        for array in (*each["inputs"], *each["outputs"]):
            array["name"], array["dtype"]
    check_shapes(programs, config)


def _codebooks(folder: Path, manifest: dict) -> np.ndarray:
    described, flat = manifest["codebooks"], manifest["config"]
    shape = tuple(flat[name] for name in ("num_codebooks", "num_codewords", "codeword_dim"))
    if described["dtype"] != "<f4" or tuple(described["shape"]) != shape:
        raise ValueError(f"codebooks are not float32 {shape}")
    data = read_file(folder, manifest, described["file"])
    return np.frombuffer(data, "<f4").reshape(shape).astype(np.float32)


def _counts(folder: Path, manifest: dict) -> np.ndarray:
    described, flat = manifest["codeword_counts"], manifest["config"]
    m, k = flat["num_codebooks"], flat["num_codewords"]
    shape, dtype = tuple(described["shape"]), np.dtype(described["dtype"])
    if dtype.kind != "u" or shape not in ((m, k), (m, m, k)):
        raise ValueError(f"codeword_counts are not natural numbers {(m, k)} or {(m, m, k)}")
    data = read_file(folder, manifest, described["file"])
    return np.frombuffer(data, dtype).reshape(shape).astype(np.int64)
