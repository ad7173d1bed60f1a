"""Claim (e): what a picture is worth in a few hundred bytes, beside a thumbnail of that size."""

import io
from collections.abc import Sequence

import numpy as np
from claims.curves import Interval, interval
from claims.verdict import Finding
from PIL import Image

from pqmim_jax.codec import Codec
from pqmim_jax.evaluation.metrics import psnr

SHRINKS = (4, 6, 8, 12, 16, 24, 32, 48)


def measure(
    codec: Codec, images: Sequence[np.ndarray], targets: Sequence[int]
) -> dict[int, np.ndarray]:
    """dB of (this codec, thumbnail): float64 (pictures, 2) for every target in bytes.

    NaN where there is no thumbnail so small.

    Raises:
      RuntimeError: a file is above its target.
    """
    return {target: np.array([_pair(codec, i, target) for i in images]) for target in targets}


def _pair(codec: Codec, image: np.ndarray, target: int) -> tuple[float, float]:
    data = codec.compress_to_size(image, target)
    if len(data) > target:
        raise RuntimeError(f"{len(data)} bytes where {target} were asked for")
    return psnr(image, codec.decompress(data)), thumbnail_psnr(image, target)


def thumbnail_psnr(image: np.ndarray, target: int) -> float:
    """Best dB of a WebP of at most `target` bytes, coded smaller and enlarged again; or NaN."""
    best = float("nan")
    for shrink in SHRINKS:
        size = [max(1, -(-side // shrink)) for side in (image.shape[1], image.shape[0])]
        small = Image.fromarray(image).resize(size, Image.Resampling.LANCZOS)
        for quality in (0, 5, 10, 20, 30, 50, 70, 90):
            buffer = io.BytesIO()
            small.save(buffer, "WEBP", quality=quality, method=6)
            if buffer.tell() <= target:
                best = float(np.fmax(best, _enlarged_psnr(buffer, image)))
    return best


def _enlarged_psnr(buffer: io.BytesIO, image: np.ndarray) -> float:
    with Image.open(buffer) as small:
        large = small.convert("RGB").resize(image.shape[1::-1], Image.Resampling.BICUBIC)
    return psnr(image, np.asarray(large))


def finding(target: int, by_seed: Sequence[np.ndarray]) -> Finding:
    """(e) at one target, of `measure`'s values for each seed."""
    return Finding(
        "e",
        f"PSNR in {target} bytes above the best WebP thumbnail's of that size",
        " dB",
        0.0,
        False,
        [_above(values) for values in by_seed],
        f"mean {np.mean([v[:, 0].mean() for v in by_seed]):.2f} dB",
    )


def _above(values: np.ndarray) -> Interval | None:
    gaps = values[:, 0] - values[:, 1]
    if np.isnan(gaps).any():
        return None
    return interval(len(gaps), lambda chosen: gaps[chosen].mean())
