"""The prototype's parameters as those of the project's networks: other names, other shapes.

The prototype mixes channels by dense layers, and shrinks a level by one on `space_to_depth`; the
project has convolutions of 1 x 1 and 2 x 2 cells there. Their kernels are the same numbers in the
same order: rows of a dense kernel run over a cell's rows, columns and channels.
"""

import re

import jax
import numpy as np
from prototype.errors import PrototypeError

from pqmim_jax.model_store import flatten, to_tree

# A name of the prototype's, and the project's for it. The first match counts; all other names, and
# all of the MIM's, are the same.
NAMES = (
    (r"(.*/level_\d+)_block_(\d+)/scale", r"\1/block_\2/second/scale"),
    (r"(.*/level_\d+)_block_(\d+)/(.*)", r"\1/block_\2/\3"),
    (r"(.*/level_\d+)_filter_(\d+)/scale", r"\1/bottleneck_\2/expand/scale"),
    (r"(.*/level_\d+)_filter_(\d+)/reduce/(.*)", r"\1/bottleneck_\2/contract/\3"),
    (r"(.*/level_\d+)_filter_(\d+)/(.*)", r"\1/bottleneck_\2/\3"),
    (r"(.*/level_\d+)_mlp_(\d+)/scale", r"\1/mixer_\2/contract/scale"),
    (r"(.*/level_\d+)_mlp_(\d+)/widen/(.*)", r"\1/mixer_\2/expand/\3"),
    (r"(.*/level_\d+)_mlp_(\d+)/narrow/(.*)", r"\1/mixer_\2/contract/\3"),
)


def converted(found: dict[str, np.ndarray], shapes: dict) -> dict:
    """Parameters of a network.

    Args:
      found: the prototype's arrays by their names.
      shapes: tree of the project's parameters, of what has a `shape`.

    Returns:
      tree of float32 arrays.

    Raises:
      PrototypeError: an array is unknown, missing, of another shape, or not finite.
    """
    empty = jax.tree.map(lambda leaf: np.empty(leaf.shape), shapes)
    wanted = {name: array.shape for name, array in flatten(empty).items()}
    arrays, names = {}, {}
    for theirs, array in found.items():
        ours = _renamed(theirs)
        if ours not in wanted:
            raise PrototypeError(f"unknown parameter {theirs}")
        if ours in names:
            raise PrototypeError(f"{names[ours]} and {theirs} are the same parameter")
        names[ours] = theirs
        arrays[ours] = _fitted(theirs, array, wanted[ours])
    if missing := sorted(set(wanted) - set(arrays)):
        raise PrototypeError(
            f"{len(missing)} of {len(wanted)} parameters are missing, such as {missing[0]}: is a "
            "part missing?"
        )
    return to_tree(arrays)


def _renamed(name: str) -> str:
    for pattern, replacement in NAMES:
        if match := re.fullmatch(pattern, name):
            return match.expand(replacement)
    return name


def _fitted(name: str, array: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    is_convolution = array.ndim == 2 and len(shape) == 4
    if array.shape != ((np.prod(shape[:-1]), shape[-1]) if is_convolution else shape):
        raise PrototypeError(f"{name} has the shape {array.shape}; the project's is {shape}")
    if not np.isfinite(array).all():
        raise PrototypeError(f"{name} holds numbers that are not finite")
    return array.astype(np.float32).reshape(shape)
