"""Bits that coding schedules spend on a folder of images, against static frequencies.

    python tools/compare_schedules.py IMAGES [--model NAME] [--limit N] [--quality Q] [--lambda L]
        SCHEDULE...

Prints one line a schedule: bits per token and per pixel, what the same indices take under fixed
frequencies of each codebook (those of the training set, and those of these very indices, which no
fixed table can beat), and the savings against both. Ideal code lengths of the integer tables that
the coder uses, by the codec's own loop.
"""

import argparse
import time
from pathlib import Path

import numpy as np

from pqmim_jax import model_store
from pqmim_jax.codec import Codec
from pqmim_jax.coding import code_length_bits, counts_at, frequencies_from_counts
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
    "qlds(stages=3)*coarse_first(size=4)",
)


def static_bits(counts: np.ndarray, indices: np.ndarray) -> float:
    """Bits of indices (N, M) under fixed frequencies from counts (M, K)."""
    return sum(
        float(np.sum(code_length_bits(np.broadcast_to(row, (column.size, row.size)), column)))
        for row, column in zip(frequencies_from_counts(counts), indices.T, strict=True)
    )


def own_counts(indices: np.ndarray, num_codewords: int) -> np.ndarray:
    return np.stack([np.bincount(column, minlength=num_codewords) for column in indices.T])


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("images", type=Path)
    parser.add_argument("schedules", nargs="*", default=SCHEDULES)
    parser.add_argument("--model", default=model_store.DEFAULT)
    parser.add_argument("--quality", type=int, help="sub-quantizers coded; default all")
    parser.add_argument("--limit", type=int, help="only the first N images")
    parser.add_argument(
        "--lambda",
        dest="rate_weight",
        type=float,
        default=0.0,
        help="of rate-aware quantization; default 0, nearest codewords",
    )
    return parser.parse_intermixed_args()


def main() -> None:
    options = parse_options()
    codec = Codec.load(options.model)
    quality = options.quality or codec.qualities
    paths = sorted(p for p in options.images.iterdir() if p.is_file())[: options.limit]
    images = [read_image(path) for path in paths]
    pixels = sum(image[..., 0].size for image in images)
    counts = counts_at(codec.model.counts, quality)[:quality]
    print(f"{len(paths)} images, quality {quality}, lambda {options.rate_weight:g}", end=", ")
    print(f"model {codec.model.name}; bits per token")
    print(f"{'schedule':28}    coded      bpp  training set's  own  saved  saved  s/image")
    for schedule in options.schedules:
        start = time.perf_counter()
        coded = [
            codec.encode(image, quality=quality, rate_weight=options.rate_weight, schedule=schedule)
            for image in images
        ]
        seconds = (time.perf_counter() - start) / len(images)
        bits = sum(each.stage_bits.sum() for each in coded)
        indices = np.concatenate(
            [each.indices[..., :quality].reshape(-1, quality) for each in coded]
        )
        training = static_bits(counts, indices)
        own = static_bits(own_counts(indices, counts.shape[1]), indices)
        tokens = len(indices)
        print(
            f"{schedule:28} {bits / tokens:8.2f} {bits / pixels:8.4f} {training / tokens:15.2f} "
            f"{own / tokens:4.1f} {1 - bits / training:6.1%} {1 - bits / own:6.1%} {seconds:8.2f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
