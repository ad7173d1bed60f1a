"""Sharding rules: which axes of the mesh split which axes of a parameter."""

import re
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from pqmim_jax.training.config import ConfigError
from pqmim_jax.training.sharding import AXES, replicated


def tree_shardings(shapes: Any, rules, mesh: Mesh) -> Any:
    """Shardings of a tree of arrays by the paths of its leaves.

    Args:
      shapes: tree of arrays or `jax.ShapeDtypeStruct`s. In a train state the optimiser's averages
        end in the path of their parameter, so one rule places all three alike.
      rules: ((regex, (axis or None, ...)), ...): the first whose regex is found in a leaf's path
        ("params/decoder/block_0/mlp/expand/kernel") names mesh axes for the leaf's *last*
        dimensions. A dimension that an axis does not divide stays whole, and so does a leaf
        that no rule matches.

    Returns:
      the same tree with `NamedSharding` leaves.

    Raises:
      ConfigError: a rule is malformed.
    """
    compiled = [_compile(rule) for rule in rules]

    def sharding(path, leaf) -> NamedSharding:
        name = jax.tree_util.keystr(path, simple=True, separator="/")
        axes = next((axes for pattern, axes in compiled if pattern.search(name)), ())
        return NamedSharding(mesh, _spec(name, leaf.shape, axes, mesh))

    return jax.tree_util.tree_map_with_path(sharding, shapes)


def place(tree: Any, shardings: Any) -> Any:
    """Arrays that every process holds whole -> global arrays laid out by `shardings`."""

    def one(value, sharding):
        value = np.asarray(value)
        return jax.make_array_from_callback(value.shape, sharding, lambda index: value[index])

    return jax.tree.map(one, tree, shardings)


def gather(tree: Any, mesh: Mesh) -> Any:
    """Host arrays of a tree that may be split over devices and processes; all must call it."""
    whole = jax.jit(lambda t: t, out_shardings=replicated(mesh))(tree)
    return jax.tree.map(np.asarray, whole)


def _compile(rule) -> tuple[re.Pattern, tuple]:
    try:
        pattern, axes = rule
        known = [axis for axis in axes if axis is not None]
        if set(known) <= set(AXES) and len(set(known)) == len(known):
            return re.compile(pattern), tuple(axes)
    except (TypeError, ValueError, re.error):
        pass
    raise ConfigError(
        f"sharding rule {rule!r} is not (regex, axes) with each of {', '.join(AXES)} at most once"
    )


def _spec(name: str, shape: tuple[int, ...], axes: tuple, mesh: Mesh) -> PartitionSpec:
    if len(axes) > len(shape):
        raise ConfigError(f"sharding rule with {len(axes)} axes matches {name} of shape {shape}")
    whole = (None,) * (len(shape) - len(axes))
    fitting = (
        axis if axis and size % mesh.shape[axis] == 0 else None
        for axis, size in zip(axes, shape[len(whole) :], strict=True)
    )
    return PartitionSpec(*whole, *fitting)
