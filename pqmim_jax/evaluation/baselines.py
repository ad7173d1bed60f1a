"""JPEG and WebP through Pillow: what anybody can use today, measured as the codec is."""

import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from pqmim_jax.evaluation.metrics import bits_per_pixel, psnr


@dataclass(frozen=True)
class Baseline:
    """A format and the range of its quality setting to run through."""

    format: str  # Pillow's name
    options: dict
    qualities: Sequence[int]


BASELINES = {
    "jpeg": Baseline(
        "JPEG",
        {"optimize": True, "subsampling": "4:2:0"},
        (1, 2, 3, 5, 7, 10, 15, 20, 25, 30, 40, 50, 60, 70, 80, 90, 95),
    ),
    # Lossy WebP always is 4:2:0.
    "webp": Baseline("WEBP", {"method": 6}, (0, 1, 2, 5, 10, 15, 20, 30, 40, 50, 60, 70, 80, 90)),
}


def encode(baseline: Baseline, image: np.ndarray, quality: int) -> bytes:
    """The whole file of a picture (H, W, 3) uint8."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, baseline.format, quality=quality, **baseline.options)
    return buffer.getvalue()


def decode(data: bytes) -> np.ndarray:
    """Inverse of `encode`: uint8 (H, W, 3)."""
    with Image.open(io.BytesIO(data)) as image:
        return np.array(image.convert("RGB"))


def measure(baseline: Baseline, images: Iterable[np.ndarray]) -> list[dict]:
    """Rate-distortion curve over pictures.

    Returns:
      One {"quality", "bpp", "psnr"} a quality setting: means over the pictures of each picture's
      bits per pixel and of its dB.
    """
    points = {quality: [] for quality in baseline.qualities}
    for image in images:
        for quality, measured in points.items():
            data = encode(baseline, image, quality)
            measured.append((bits_per_pixel(len(data), image), psnr(image, decode(data))))
    return [
        {
            "quality": quality,
            "bpp": float(np.mean([bpp for bpp, _ in measured])),
            "psnr": float(np.mean([dB for _, dB in measured])),
        }
        for quality, measured in points.items()
    ]


def nearest_in_size(baseline: Baseline, image: np.ndarray, target: int) -> tuple[int, bytes]:
    """The quality setting, of 1 to 95, whose file comes nearest to `target` bytes.

    Returns:
      the setting and the file.
    """
    low, high = 1, 95  # a higher setting never gives a smaller file by much: bisection finds it
    while high - low > 1:
        middle = (low + high) // 2
        if len(encode(baseline, image, middle)) < target:
            low = middle
        else:
            high = middle
    files = {quality: encode(baseline, image, quality) for quality in (low, high)}
    quality = min(files, key=lambda q: abs(len(files[q]) - target))
    return quality, files[quality]
