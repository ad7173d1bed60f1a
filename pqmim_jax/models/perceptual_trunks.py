"""Convolutional trunks of VGG16 and AlexNet as pure functions of (params, x).

VGG16: Simonyan and Zisserman 2015, configuration D. AlexNet: Krizhevsky 2014 ("one weird trick"),
the single-tower variant of torchvision. Only the layers that LPIPS looks at, no classifier.
"""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jax import lax


@dataclass(frozen=True)
class Convolution:
    """A square convolution followed by a ReLU; `tap`: its output is one of the features."""

    channels: int
    size: int = 3
    stride: int = 1
    padding: int = 1
    tap: bool = False


@dataclass(frozen=True)
class MaxPool:
    """A square maximum over whole windows; rows and columns left over are dropped."""

    size: int
    stride: int = 2


def _vgg16() -> tuple[Convolution | MaxPool, ...]:
    layers: list[Convolution | MaxPool] = []
    for level, (channels, count) in enumerate(((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))):
        if level:
            layers.append(MaxPool(2))
        layers += [Convolution(channels, tap=i == count - 1) for i in range(count)]
    return tuple(layers)


_ALEXNET = (
    Convolution(64, size=11, stride=4, padding=2, tap=True),
    MaxPool(3),
    Convolution(192, size=5, padding=2, tap=True),
    MaxPool(3),
    Convolution(384, tap=True),
    Convolution(256, tap=True),
    Convolution(256, tap=True),
)

TRUNKS: dict[str, tuple[Convolution | MaxPool, ...]] = {"vgg16": _vgg16(), "alexnet": _ALEXNET}


def trunk_layers(trunk: str) -> tuple[Convolution | MaxPool, ...]:
    """Layers of the trunk called `trunk`; ValueError lists the choices."""
    if trunk not in TRUNKS:
        raise ValueError(f"unknown trunk {trunk!r}; choices: {', '.join(TRUNKS)}")
    return TRUNKS[trunk]


def trunk_shapes(trunk: str) -> dict[str, dict[str, tuple[int, ...]]]:
    """Shapes of the parameters: conv_0, conv_1, ... with a kernel (HWIO) and a bias each."""
    shapes = {}
    channels = 3
    for layer in trunk_layers(trunk):
        if isinstance(layer, Convolution):
            kernel = (layer.size, layer.size, channels, layer.channels)
            shapes[f"conv_{len(shapes)}"] = {"kernel": kernel, "bias": (layer.channels,)}
            channels = layer.channels
    return shapes


def feature_channels(trunk: str) -> list[int]:
    """Channels of each feature map that `trunk_features` returns."""
    layers = trunk_layers(trunk)
    return [layer.channels for layer in layers if isinstance(layer, Convolution) and layer.tap]


def smallest_side(trunk: str) -> int:
    """The fewest pixels a side for which every feature map has at least one position."""
    side = 1
    for layer in reversed(trunk_layers(trunk)):
        padding = layer.padding if isinstance(layer, Convolution) else 0
        side = max(1, (side - 1) * layer.stride + layer.size - 2 * padding)
    return side


def trunk_features(params: dict, x: jax.Array, trunk: str) -> list[jax.Array]:
    """Feature maps after the ReLUs that LPIPS compares.

    Args:
      params: as `trunk_shapes` names them, float32.
      x: float32 (B, H, W, 3), already shifted and scaled as the trunk was trained.
      trunk: "vgg16" (relu1_2, 2_2, 3_3, 4_3, 5_3) or "alexnet" (relu1 to relu5).

    Returns:
      five arrays (B, h, w, c).
    """
    taps = []
    index = 0
    for layer in trunk_layers(trunk):
        if isinstance(layer, MaxPool):
            x = _max_pool(x, layer)
            continue
        x = _convolve(x, params[f"conv_{index}"], layer)
        index += 1
        if layer.tap:
            taps.append(x)
    return taps


def _convolve(x: jax.Array, params: dict, layer: Convolution) -> jax.Array:
    padding = [(layer.padding, layer.padding)] * 2
    strides = (layer.stride, layer.stride)
    layout = ("NHWC", "HWIO", "NHWC")
    x = lax.conv_general_dilated(x, params["kernel"], strides, padding, dimension_numbers=layout)
    return jax.nn.relu(x + params["bias"])


def _max_pool(x: jax.Array, layer: MaxPool) -> jax.Array:
    window, strides = (1, layer.size, layer.size, 1), (1, layer.stride, layer.stride, 1)
    return lax.reduce_window(x, -jnp.inf, lax.max, window, strides, "VALID")
