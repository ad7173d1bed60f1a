"""The LPIPS term of perceptual training: over one trunk, or the mean over several.

A decoder that learns from one trunk finds what that trunk does not see (AlexNet alone leaves a
faint grid of 4 pixels); the mean over two is harder to please without being better (ours).
"""

from collections.abc import Callable

import jax
import numpy as np
from flax.traverse_util import unflatten_dict

from pqmim_jax.losses.lpips import load_lpips, lpips
from pqmim_jax.losses.lpips_weights import lpips_shapes
from pqmim_jax.training.config import ConfigError

_SEPARATOR = "+"


def lpips_term(options) -> Callable | None:
    """(weights, a, b) -> (B,), weights as of `lpips_constants`; None where it has no weight.

    Args:
      options: `perceptual_training`: `lpips_weight`, `lpips_trunk` and `lpips_file`.
    """
    if not options.lpips_weight:
        return None
    trunks = _trunks(options)

    def mean_distance(weights, a, b) -> jax.Array:
        return sum(lpips(weights[trunk], a, b, trunk=trunk) for trunk in trunks) / len(trunks)

    return mean_distance


def lpips_constants(options) -> tuple:
    """Host arrays, by trunk, for the step's constants; none where the term has no weight.

    Raises:
      WeightsError: the weights are not there.
      ConfigError: one file is named for several trunks.
    """
    if not options.lpips_weight:
        return ()
    trunks = _trunks(options)
    if options.lpips_file and len(trunks) > 1:
        raise ConfigError(
            f"perceptual_training.lpips_file holds one trunk, lpips_trunk names {len(trunks)}"
        )
    return ({trunk: load_lpips(trunk, options.lpips_file or None) for trunk in trunks},)


def lpips_constant_shapes(options) -> tuple:
    """`jax.ShapeDtypeStruct`s of `lpips_constants`."""
    if not options.lpips_weight:
        return ()
    return ({trunk: _structs(trunk) for trunk in _trunks(options)},)


def _trunks(options) -> list[str]:
    return options.lpips_trunk.split(_SEPARATOR)


def _structs(trunk: str) -> dict:
    shapes = lpips_shapes(trunk)
    structs = {name: jax.ShapeDtypeStruct(shape, np.float32) for name, shape in shapes.items()}
    return unflatten_dict(structs, sep="/")
