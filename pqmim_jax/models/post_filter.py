"""A small convolutional network over decoded pixels: what token features cannot draw finely.

Like the in-loop filters of video codecs (for learned ones see Zhang et al. 2017, arXiv
1608.03981, whose residual it predicts too). It costs few parameters and much arithmetic, where the
decoder's blocks, which work on tokens, are the other way round. Ours.
"""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from pqmim_jax.models.layers.patches import depth_to_space, space_to_depth
from pqmim_jax.models.layers.presence import zero_outside

_BLOCK = 2  # pixels a side of a sample: half the resolution, a quarter of the time
_OUTER = 2  # convolutions before and after the `depth` residual ones


def reach(depth: int) -> int:
    """Pixels on each side of a pixel that the filter's result there depends on, at most."""
    return _BLOCK * (depth + _OUTER) + _BLOCK - 1


def narrowed(params: dict, width: int) -> dict:
    """The parameters of a `PostFilter` with `width` of its channels, a start for training.

    Those stay whose kernels in and out weigh most, by the product of their energies. What is lost
    (0.1 dB for 48 of 64 channels) comes back in training.
    """
    into = [name for name in params if name not in ("out", "quality_bias")]
    out_of = [name for name in params if name not in ("stem", "quality_bias")]
    energies = {name: np.square(params[name]["kernel"]) for name in {*into, *out_of}}
    heard = sum(energies[name].sum((0, 1, 2)) for name in into)
    told = sum(energies[name].sum((0, 1, 3)) / energies[name].sum() for name in out_of)
    kept = np.sort(np.argsort(-(heard * told), kind="stable")[:width])
    result = {"quality_bias": params["quality_bias"][:, kept]}
    for name in energies:
        kernel, bias = params[name]["kernel"], params[name]["bias"]
        kernel = kernel[:, :, kept] if name in out_of else kernel
        inside = name in into
        result[name] = {
            "kernel": kernel[..., kept] if inside else kernel,
            "bias": bias[kept] if inside else bias,
        }
    return result


class PostFilter(nn.Module):
    """3x3 convolutions at half resolution, as a correction that starts at zero."""

    width: int
    depth: int
    num_codebooks: int
    dtype: jnp.dtype = jnp.float32

    @nn.compact
    def __call__(
        self, image: jax.Array, quality: jax.Array, mask: jax.Array | None = None
    ) -> jax.Array:
        """(B, H, W, 3) float32, (B,) int32 in [1, M] -> (B, H, W, 3); `mask` as in `presence`."""
        biases = self.param("quality_bias", nn.initializers.zeros, (self.num_codebooks, self.width))
        x = space_to_depth(image, _BLOCK).astype(self.dtype)
        x = self._convolution(self.width, "stem")(zero_outside(x, mask))
        x = x + biases.astype(self.dtype)[quality - 1][:, None, None]
        for i in range(self.depth):
            step = self._convolution(self.width, f"convolution_{i}")
            x = x + step(zero_outside(nn.gelu(x), mask))
        last = self._convolution(3 * _BLOCK**2, "out", kernel_init=nn.initializers.zeros)
        x = last(zero_outside(nn.gelu(x), mask))
        return image + depth_to_space(x.astype(jnp.float32), _BLOCK)

    def _convolution(self, features: int, name: str, **options) -> nn.Conv:
        return nn.Conv(features, (3, 3), dtype=self.dtype, name=name, **options)
