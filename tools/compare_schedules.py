"""Bits that coding schedules spend on a folder of images, against static frequencies.

    python tools/compare_schedules.py IMAGES [--model NAME] [--limit N] [--quality Q] SCHEDULE...

Prints one line a schedule: bits per token, bits per pixel, and the saving against the same
indices under per-codebook frequencies of the training set. Ideal code lengths of the integer
tables that the coder uses, by the codec's own loop.
"""

import argparse
import time
from pathlib import Path

import numpy as np

from pqmim_jax import model_store
from pqmim_jax.codec import Codec
from pqmim_jax.coding import code_length_bits, frequencies_from_counts
from pqmim_jax.images import read_image

SCHEDULES = (
    "one_shot",
    "checkerboard",
    "quincunx(levels=2)",
    "qlds(stages=4)",
    "qlds(stages=8)",
    "qlds(stages=12)",
    "random(stages=8,alpha=2.2)",
    "codebook_major",
)


def static_bits(codec: Codec, indices: np.ndarray) -> float:
    frequencies = frequencies_from_counts(codec.model.counts[: indices.shape[-1]])
    rows = frequencies[np.arange(indices.shape[-1])]
    return sum(
        float(np.sum(code_length_bits(np.broadcast_to(row, (column.size, row.size)), column)))
        for row, column in zip(rows, indices.reshape(-1, indices.shape[-1]).T, strict=True)
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("images", type=Path)
    parser.add_argument("schedules", nargs="*", default=SCHEDULES)
    parser.add_argument("--model", default=model_store.DEFAULT)
    parser.add_argument("--quality", type=int, help="sub-quantizers coded; default all")
    parser.add_argument("--limit", type=int, help="only the first N images")
    options = parser.parse_intermixed_args()
    codec = Codec.load(options.model)
    quality = options.quality or codec.qualities
    paths = sorted(p for p in options.images.iterdir() if p.is_file())[: options.limit]
    images = [read_image(path) for path in paths]
    codes = [codec.nearest_indices(image) for image in images]
    tokens = sum(c[..., 0].size for c in codes)
    pixels = sum(image[..., 0].size for image in images)
    static = sum(static_bits(codec, c[..., :quality]) for c in codes)
    print(f"{len(paths)} images, quality {quality}, model {codec.model.name}")
    print(f"{'schedule':32} bits/token      bpp   saved  seconds/image")
    print(f"{'static frequencies':32} {static / tokens:10.2f} {static / pixels:8.4f}")
    for schedule in options.schedules:
        start = time.perf_counter()
        bits = sum(
            codec.encode(image, quality=quality, rate_weight=0, schedule=schedule).stage_bits.sum()
            for image in images
        )
        seconds = (time.perf_counter() - start) / len(images)
        print(
            f"{schedule:32} {bits / tokens:10.2f} {bits / pixels:8.4f} "
            f"{1 - bits / static:7.1%} {seconds:8.2f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
