"""Which parameters a stage trains: the others get neither a gradient nor optimiser state."""

import re
from collections.abc import Sequence

from flax.traverse_util import flatten_dict, unflatten_dict

from pqmim_jax.training.config import ConfigError


def split_params(params: dict, frozen: Sequence[str]) -> tuple[dict, dict]:
    """Parameters that train, and those that do not.

    A gradient taken with respect to the first alone costs no backward pass through what only
    frozen parameters and data lead to, such as a frozen encoder.

    Args:
      params: nested dict.
      frozen: regular expressions; a parameter is frozen if one is found in its path
        ("decoder/block_0/mlp/expand/kernel").

    Returns:
      two nested dicts whose leaves together are those of `params`; see `merge_params`.

    Raises:
      ConfigError: a bad expression, one that no parameter matches, or nothing is left to train.
    """
    flat = flatten_dict(params, sep="/")
    held = {path for pattern in frozen for path in _matching(pattern, flat)}
    if len(held) == len(flat):
        raise ConfigError("frozen: every parameter is frozen, nothing is left to train")
    trained = {path: leaf for path, leaf in flat.items() if path not in held}
    return (
        unflatten_dict(trained, sep="/"),
        unflatten_dict({path: flat[path] for path in held}, sep="/"),
    )


def merge_params(trained: dict, frozen: dict) -> dict:
    """Inverse of `split_params`."""
    flat = {**flatten_dict(trained, sep="/"), **flatten_dict(frozen, sep="/")}
    return unflatten_dict(flat, sep="/")


def _matching(pattern: str, paths) -> list[str]:
    try:
        found = [path for path in paths if re.search(pattern, path)]
    except re.error as error:
        raise ConfigError(f"frozen: bad regular expression {pattern!r}: {error}") from error
    if not found:
        roots = ", ".join(sorted({path.partition("/")[0] for path in paths}))
        raise ConfigError(f"frozen: {pattern!r} matches no parameter; they are below: {roots}")
    return found
