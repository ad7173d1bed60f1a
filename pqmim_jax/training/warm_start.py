"""Starting from the weights of another model."""

import jax.numpy as jnp


def take_matching(params: dict, trained: dict) -> dict:
    """`params` with every array replaced whose path and shape also occur in `trained`."""
    taken = {}
    for name, value in params.items():
        other = trained.get(name)
        if isinstance(value, dict):
            taken[name] = take_matching(value, other) if isinstance(other, dict) else value
        else:
            same = other is not None and not isinstance(other, dict) and other.shape == value.shape
            taken[name] = jnp.asarray(other) if same else value
    return taken
