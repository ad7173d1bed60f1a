"""Weights of the FID network from a file that the user names.

The standard one is pytorch-fid's `pt_inception-2015-12-05-6726825d.pth`, from
https://github.com/mseitzer/pytorch-fid/releases/tag/fid_weights (converted from TensorFlow's
inception-2015-12-05, Apache-2.0). It is in no package, and nothing here downloads it.
"""

from pathlib import Path

import jax
import numpy as np
from flax.traverse_util import flatten_dict, unflatten_dict
from safetensors import SafetensorError
from safetensors.numpy import load_file

from pqmim_jax.models.inception import SIDE, InceptionV3
from pqmim_jax.weight_files.errors import WeightsError
from pqmim_jax.weight_files.torch_file import read_torch_tensors

_BATCH_NORM_EPSILON = 1e-3
_CLASSES = 1008  # of the FID network's own classifier; torchvision's ImageNet network has 1000


def load_inception(path: str | Path) -> dict:
    """Parameters for `InceptionV3`.

    Args:
      path: a .pth file as `torch.save` writes it, or .safetensors or .npz with the same names
        ("Mixed_5b.branch1x1.conv.weight", "....bn.weight", ".bias", ".running_mean",
        ".running_var"; convolutions (out, in, h, w)). Tensors of other names are not read.

    Returns:
      parameter tree of NumPy float32, batch normalisation folded in.

    Raises:
      WeightsError: missing, damaged, of another network, or with missing tensors.
    """
    path = Path(path)
    tensors = _read(path)
    classes = tensors["fc.bias"].shape[0] if "fc.bias" in tensors else _CLASSES
    if classes != _CLASSES or any(name.startswith("AuxLogits") for name in tensors):
        raise WeightsError(
            f"{path}: weights of torchvision's ImageNet classifier; FID needs "
            "pt_inception-2015-12-05-6726825d.pth of pytorch-fid"
        )
    folded = {}
    for name, shape in inception_shapes().items():
        folded |= _folded(tensors, name, shape, path)
    return unflatten_dict(folded, sep="/")


def inception_shapes() -> dict[str, tuple[int, ...]]:
    """Shape (h, w, in, out) of each convolution by its name, as "Mixed_5b/branch1x1"."""
    picture = jax.ShapeDtypeStruct((1, SIDE, SIDE, 3), np.float32)
    tree = jax.eval_shape(InceptionV3().init, jax.random.key(0), picture)["params"]
    flat = flatten_dict(tree, sep="/")
    return {
        name.removesuffix("/kernel"): value.shape
        for name, value in flat.items()
        if name.endswith("/kernel")
    }


def _read(path: Path) -> dict[str, np.ndarray]:
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        if path.suffix == ".npz":
            with np.load(path, allow_pickle=False) as arrays:
                return dict(arrays)
    except (OSError, ValueError, SafetensorError) as error:
        raise WeightsError(f"{path}: {error}") from error
    return read_torch_tensors(path)


def _folded(tensors: dict, name: str, shape: tuple, path: Path) -> dict[str, np.ndarray]:
    """Kernel and bias of a convolution with the normalisation that follows it."""
    height, width, inputs, outputs = shape
    needed = {"conv.weight": (outputs, inputs, height, width)}
    needed |= {f"bn.{key}": (outputs,) for key in ("weight", "bias", "running_mean", "running_var")}
    values = {}
    for suffix, expected in needed.items():
        full = f"{name.replace('/', '.')}.{suffix}"
        if full not in tensors or tensors[full].shape != expected:
            found = tensors[full].shape if full in tensors else "missing"
            raise WeightsError(
                f"{path}: not the FID network: {full} is {found}, expected {expected}"
            )
        values[suffix] = tensors[full].astype(np.float64)
    scale = values["bn.weight"] / np.sqrt(values["bn.running_var"] + _BATCH_NORM_EPSILON)
    kernel = values["conv.weight"].transpose(2, 3, 1, 0) * scale
    bias = values["bn.bias"] - values["bn.running_mean"] * scale
    return {f"{name}/kernel": kernel.astype(np.float32), f"{name}/bias": bias.astype(np.float32)}
