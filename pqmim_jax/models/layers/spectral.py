"""Spectral normalisation (Miyato et al. 2018): convolutions whose largest singular value is 1.

The value is estimated by power iteration, whose vectors live in the variable collection
"spectral" beside the parameters and move one iteration a training step.
"""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from flax.traverse_util import flatten_dict, unflatten_dict

COLLECTION = "spectral"


def spectral_norm(kernel: jax.Array, u: jax.Array) -> jax.Array:
    """Estimate of the largest singular value of a kernel, seen as a matrix (inputs, out).

    Args:
      kernel: (..., out); the leading axes are one.
      u: (out,) of length 1, the current estimate of the right singular vector.

    Returns:
      scalar ||W u||: a lower bound, exact where `u` is the singular vector. Gradients take `u`
      and the left vector for constants, as the paper does.
    """
    matrix = kernel.reshape(-1, kernel.shape[-1])
    u = jax.lax.stop_gradient(u)
    v = _unit(jax.lax.stop_gradient(matrix) @ u)
    return v @ matrix @ u


def power_iteration(kernel: jax.Array, u: jax.Array) -> jax.Array:
    """The next estimate of the right singular vector; shapes as in `spectral_norm`."""
    matrix = kernel.reshape(-1, kernel.shape[-1])
    return _unit(matrix.T @ _unit(matrix @ u))


def next_vectors(params: dict, vectors: dict) -> dict:
    """One power iteration for every normalised kernel of a network.

    Args:
      params: its parameters.
      vectors: its collection "spectral": "<path>/u" belongs to the kernel "<path>/kernel".
    """
    kernels = flatten_dict(params)
    flat = flatten_dict(vectors)
    moved = {path: power_iteration(kernels[(*path[:-1], "kernel")], flat[path]) for path in flat}
    return unflatten_dict(moved)


class SpectralConv(nn.Module):
    """Convolution, zero padding, with its kernel divided by `spectral_norm` if `normalize`."""

    channels: int
    kernel_size: int
    stride: int = 1
    normalize: bool = True
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """(B, h, w, C) -> (B, ceil(h / stride), ceil(w / stride), channels)."""
        shape = (self.kernel_size, self.kernel_size, x.shape[-1], self.channels)
        kernel = self.param("kernel", nn.initializers.lecun_normal(), shape)
        bias = self.param("bias", nn.initializers.zeros, (self.channels,))
        if self.normalize:
            u = self.variable(COLLECTION, "u", self._first_vector)
            kernel = kernel / spectral_norm(kernel, u.value)
        strides = (self.stride, self.stride)
        x, kernel = x.astype(self.dtype), kernel.astype(self.dtype)
        axes = ("NHWC", "HWIO", "NHWC")
        y = jax.lax.conv_general_dilated(x, kernel, strides, "SAME", dimension_numbers=axes)
        return y + bias.astype(self.dtype)

    def _first_vector(self) -> jax.Array:
        return _unit(jax.random.normal(self.make_rng("params"), (self.channels,)))


def _unit(x: jax.Array) -> jax.Array:
    return x / jnp.maximum(jnp.linalg.norm(x), 1e-12)
