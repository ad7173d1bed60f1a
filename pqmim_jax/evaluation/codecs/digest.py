"""What tells models apart that make other bytes."""

import hashlib
import json
from collections.abc import Iterator
from importlib.metadata import version

import numpy as np


def model_digest(config: object, arrays: dict) -> str:
    """16 hexadecimal digits of SHA-256 over a model.

    The encoder's choices count, too, so the program's version is in it; the fingerprint that files
    carry is over what their decoder needs, and of 16 bits.

    Args:
      config: JSON values.
      arrays: tree of dicts, tuples and arrays.
    """
    digest = hashlib.sha256(json.dumps([version("pqmim-jax"), config], sort_keys=True).encode())
    for name, array in _leaves(arrays, ""):
        array = np.ascontiguousarray(array)
        digest.update(f"{name} {array.dtype} {array.shape} ".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()[:16]


def _leaves(tree: object, name: str) -> Iterator[tuple[str, object]]:
    if isinstance(tree, dict | tuple):
        items = sorted(tree.items()) if isinstance(tree, dict) else enumerate(tree)
        for key, item in items:
            yield from _leaves(item, f"{name}/{key}")
    else:
        yield name, tree
