"""Checks of config values that would otherwise fail deep inside a module."""

import jax.numpy as jnp

DTYPES = ("float32", "bfloat16")


def activation_dtype(name: str) -> jnp.dtype:
    """Dtype of activations by its name; ValueError if it is not one of `DTYPES`."""
    if name not in DTYPES:
        raise ValueError(f"unknown dtype {name!r}; choices: {', '.join(DTYPES)}")
    return jnp.dtype(name)


def check_heads(name: str, width: int, heads: int) -> None:
    """ValueError unless `heads` attention heads share `width` channels evenly."""
    if heads < 1 or width % heads:
        raise ValueError(f"{name}: heads {heads} does not divide the width {width}")
