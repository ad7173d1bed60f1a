"""A codec on a folder of pictures: every picture at every quality, through real bytes."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from pqmim_jax.codec import Codec
from pqmim_jax.evaluation.metrics import bits_per_pixel, psnr, static_bits
from pqmim_jax.images import IMAGE_SUFFIXES, read_image


class EvaluationError(RuntimeError):
    """There is nothing to evaluate, or the codec broke its promise."""


@dataclass(frozen=True)
class Measurement:
    """One picture at one quality; the fields are those of the JSON report."""

    file: str  # name within the folder
    width: int  # pixels
    height: int
    quality: int  # sub-quantizers sent
    bytes: int  # whole file
    bpp: float  # bits per pixel of the whole file
    psnr: float  # dB, 8-bit RGB
    compress_seconds: float  # picture in memory to bytes in memory, programs already compiled
    decompress_seconds: float
    ideal_bits: float  # what the entropy model says the indices cost
    static_bits: float  # what they cost under the codewords' fixed frequencies


MEANS = (
    "bytes",
    "bpp",
    "psnr",
    "compress_seconds",
    "decompress_seconds",
    "ideal_bits",
    "static_bits",
)
"""Fields of a measurement that are averaged over the pictures."""


def find_images(folder: Path) -> list[Path]:
    """Pictures directly in a folder, sorted by name.

    Raises:
      EvaluationError: there are none.
      OSError: the folder cannot be read.
    """
    paths = sorted(p for p in folder.iterdir() if p.suffix.lower() in IMAGE_SUFFIXES)
    if not paths:
        suffixes = " ".join(sorted(IMAGE_SUFFIXES))
        raise EvaluationError(f"{folder}: no pictures in it (looked for {suffixes})")
    return paths


def measure_images(
    codec: Codec,
    paths: Sequence[Path],
    qualities: Sequence[int],
    schedule: str | None = None,
    rate_weight: float | None = None,
) -> Iterator[Measurement]:
    """Measures picture after picture, each at all `qualities` (1..M) in the order given.

    `rate_weight` is lambda; None is the model's for each quality.

    Raises:
      EvaluationError: a decompressed picture is not the encoder's own reconstruction.
      ImageError, OSError: a picture cannot be read.
      ValueError: a quality, the schedule or lambda is not usable.
    """
    # Compiling must not count as compressing. All programs work on windows of one fixed size, so
    # the smallest picture compiles what the largest one needs.
    codec.decompress(codec.compress(np.zeros((1, 1, 3), np.uint8)))
    for path in paths:
        image = read_image(path)
        for quality in qualities:
            yield _measure(codec, path.name, image, quality, schedule, rate_weight)


def _measure(
    codec: Codec,
    name: str,
    image: np.ndarray,
    quality: int,
    schedule: str | None,
    rate_weight: float | None,
) -> Measurement:
    start = time.perf_counter()
    encoded = codec.encode(image, quality=quality, schedule=schedule, rate_weight=rate_weight)
    compressed = time.perf_counter()
    picture = codec.decompress(encoded.data)
    decompressed = time.perf_counter()
    if not np.array_equal(picture, codec.decode_indices(encoded.indices, quality, image.shape[:2])):
        raise EvaluationError(
            f"{name}, quality {quality}: the decompressed picture is not the encoder's own"
        )
    return Measurement(
        file=name,
        width=image.shape[1],
        height=image.shape[0],
        quality=quality,
        bytes=len(encoded.data),
        bpp=bits_per_pixel(len(encoded.data), image),
        psnr=psnr(image, picture),
        compress_seconds=compressed - start,
        decompress_seconds=decompressed - compressed,
        ideal_bits=float(encoded.stage_bits.sum()),
        static_bits=static_bits(codec.model.counts, encoded.indices[..., :quality]),
    )


def mean_by_quality(measurements: Sequence[Measurement]) -> list[dict]:
    """Means over the pictures of each quality: {"quality", "images", *MEANS}.

    The PSNR is the mean of the pictures' dB, the rate the mean of their bits per pixel.
    """
    rows = []
    for quality in dict.fromkeys(m.quality for m in measurements):
        group = [asdict(m) for m in measurements if m.quality == quality]
        means = {name: float(np.mean([m[name] for m in group])) for name in MEANS}
        rows.append({"quality": quality, "images": len(group), **means})
    return rows
