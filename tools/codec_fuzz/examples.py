"""Small valid `.pqm` files of every kind, and what they decode to."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Example:
    """A valid file and the picture in it, as `codec.DecodedImage`."""

    data: bytes
    decoded: object


def make_examples(codec, large_side: int = 0) -> list[Example]:
    """Files of 1 x 1 to 100 x 70 pixels, always the same for a model.

    Args:
      codec: a `Codec`.
      large_side: if not 0, also a square of this side, for what only larger files have.
    """
    rng = np.random.default_rng(0)
    best, middle = codec.qualities, (codec.qualities + 1) // 2
    metadata = {"icc_profile": rng.bytes(60), "exif": b"Exif\0\0" + rng.bytes(30)}
    kinds = [
        ((1, 1, 3), {"quality": 1}),
        ((1, 1), {"quality": best}),
        ((7, 13, 4), {"quality": middle}),
        ((40, 40), {"quality": best}),
        ((33, 65, 2), {"quality": 1}),
        ((70, 100, 3), {"quality": best}),
        ((70, 100, 3), {"quality": middle, "rate_weight": 0}),
        ((70, 100, 4), {"quality": best, **metadata}),
        ((64, 48, 3), {"quality": best, "schedule": "checkerboard"}),
        ((64, 48, 3), {"quality": middle, "stages": 1}),
        ((70, 100, 3), {"quality": middle, "shrink": 2}),
        ((20, 30), {"quality": middle, "exif": metadata["exif"]}),
    ]
    if large_side:
        kinds.append(((large_side, large_side, 3), {"quality": best}))
    files = [codec.compress(_picture(rng, shape), **options) for shape, options in kinds]
    return [Example(data, codec.decode(data)) for data in files]


def _picture(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Waves and noise, uint8."""
    y, x = np.mgrid[: shape[0], : shape[1]] / 16
    channels = shape[2] if len(shape) == 3 else 1
    factors = rng.uniform(-2, 2, (channels, 2))
    waves = [np.sin(a * x + b * y) for a, b in factors]
    picture = 128 + 90 * np.stack(waves, axis=-1) + rng.normal(0, 12, (*shape[:2], channels))
    return np.clip(picture, 0, 255).astype(np.uint8).reshape(shape)
