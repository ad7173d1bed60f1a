"""Starting from the weights of another model."""

import jax
import jax.numpy as jnp

from pqmim_jax.training.config import ConfigError


def take_matching(params: dict, trained: dict) -> dict:
    """`params` with every array replaced whose path and shape also occur in `trained`.

    Raises:
      ConfigError: there is none such, so that training would start from scratch unnoticed.
    """
    taken = _take(params, trained)
    if all(a is b for a, b in zip(jax.tree.leaves(taken), jax.tree.leaves(params), strict=True)):
        raise ConfigError("start_from: no array of that model has a path and shape of this one's")
    return taken


def _take(params: dict, trained: dict) -> dict:
    taken = {}
    for name, value in params.items():
        other = trained.get(name)
        if isinstance(value, dict):
            taken[name] = _take(value, other) if isinstance(other, dict) else value
        else:
            same = other is not None and not isinstance(other, dict) and other.shape == value.shape
            taken[name] = jnp.asarray(other) if same else value
    return taken
