"""What a run of the prototype leaves in a folder.

pqvae-N.safetensors   parameters of the autoencoder by their paths in the prototype, N = 0, 1, ...
mim-N.safetensors     those of the MIM
pqvae.json            "config": section of the autoencoder
mim.json              "mim" and "codec": their sections
freq.npz              "freq": (M, M, K) shares of codewords; row q - 1 is of quality q
"""

import json
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from prototype.errors import PrototypeError
from safetensors import SafetensorError
from safetensors.numpy import load_file


@dataclass(frozen=True)
class Parts:
    """A run's results, as they lie on disk."""

    sections: dict[str, dict]  # "autoencoder", "mim", "codec"
    pqvae: dict[str, np.ndarray]  # by the prototype's names
    mim: dict[str, np.ndarray]
    shares: np.ndarray  # (M, M, K), not checked


def read_parts(folder: Path) -> Parts:
    """All of them; PrototypeError if a file is missing or damaged."""
    pqvae, mim = _read_json(folder / "pqvae.json"), _read_json(folder / "mim.json")
    try:
        sections = {"autoencoder": pqvae["config"], "mim": mim["mim"], "codec": mim["codec"]}
    except KeyError as error:
        raise PrototypeError(f"{folder}: a section is missing: {error.args[0]}") from error
    for name, section in sections.items():
        if not isinstance(section, dict):
            raise PrototypeError(f"{folder}: section {name} is no JSON object")
    tensors = (_read_tensors(folder, name) for name in ("pqvae", "mim"))
    return Parts(sections, *tensors, _read_shares(folder / "freq.npz"))


def _read_json(path: Path) -> dict:
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise PrototypeError(f"{path} cannot be read: {error}") from error
    if not isinstance(found, dict):
        raise PrototypeError(f"{path} is no JSON object")
    return found


def _read_tensors(folder: Path, name: str) -> dict[str, np.ndarray]:
    count = len(list(folder.glob(f"{name}-*.safetensors")))
    tensors: dict[str, np.ndarray] = {}
    for number in range(max(1, count)):
        path = folder / f"{name}-{number}.safetensors"
        try:
            found = load_file(path)
        except (OSError, ValueError, SafetensorError) as error:
            raise PrototypeError(f"{path} cannot be read: {error}") from error
        if twice := sorted(tensors.keys() & found.keys()):
            raise PrototypeError(f"{path} holds {twice[0]}, and so does a part before it")
        tensors |= found
    return tensors


def _read_shares(path: Path) -> np.ndarray:
    try:
        with np.load(path) as file:
            return np.asarray(file["freq"], np.float64)
    except (OSError, ValueError, KeyError, BadZipFile) as error:
        raise PrototypeError(f"{path} cannot be read: {error}") from error
