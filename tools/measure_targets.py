"""How near files come to a wanted size, and what the picture is worth then.

    python tools/measure_targets.py PICTURES/ [--targets 200,500,1000,5000,20000] [--model NAME]
        [--sheet FILE]

Prints a Markdown row for each target: the files' sizes as shares of it, mean PSNR, what was chosen,
seconds; and for comparison JPEG, WebP and AVIF: their mean PSNR where their best file of at most
that size exists for every picture, and the mean size and PSNR of their smallest files. --sheet
draws the pictures of the first target.
"""

import argparse
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np

from pqmim_jax.codec import Codec
from pqmim_jax.coding import unpack
from pqmim_jax.evaluation.codecs.pillow import PillowCodec, with_values
from pqmim_jax.evaluation.metrics import psnr
from pqmim_jax.evaluation.pictures import find_images
from pqmim_jax.images import encode_image, read_image, write_atomically
from pqmim_jax.images.film import draw_film
from pqmim_jax.model_store import DEFAULT

CLASSICAL = (
    with_values("jpeg", range(1, 96)),
    with_values("webp", range(101)),
    with_values("avif", range(101)),
)

SHEET_WIDTH = 240  # pixels of a panel


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--targets", default="200,500,1000,5000,20000", metavar="BYTES,BYTES")
    parser.add_argument("--model", default=DEFAULT)
    parser.add_argument("--sheet", type=Path, help="picture file to draw")
    parser.add_argument("--limit", type=int, help="only the first N pictures")
    options = parser.parse_args()
    codec = Codec.load(options.model)
    images = [read_image(path) for path in find_images(options.folder)[: options.limit]]
    targets = [int(word) for word in options.targets.split(",")]
    print(f"{len(images)} pictures, model {codec.model.name}\n")
    print("| target | ours: bytes / target, least to most | above | PSNR | shrink | seconds | "
          + " | ".join(f"{codec.label} PSNR" for codec in CLASSICAL) + " |")  # fmt: skip
    print("| --- " * (6 + len(CLASSICAL)) + "|")
    above = 0
    for target in targets:
        row, too_large = measure(codec, images, target)
        above += too_large
        print("| " + " | ".join([*row, *classical(images, target)]) + " |", flush=True)
    if options.sheet:
        draw_sheet(codec, images, targets[0], options.sheet)
    print("\nThe smallest files that there are, means:")
    for codec in CLASSICAL:
        size, quality = smallest(codec, images)
        print(f"{codec.label}: {size:.0f} bytes, {quality:.2f} dB")
    return 1 if above else 0


def measure(codec: Codec, images: list[np.ndarray], target: int) -> tuple[list[str], int]:
    shares, quality, shrinks, began = [], [], Counter(), time.perf_counter()
    for image in images:
        data = codec.compress_to_size(image, target)
        shares.append(len(data) / target)
        quality.append(psnr(image, codec.decompress(data)))
        shrinks[unpack(data)[0].shrink] += 1
    seconds = (time.perf_counter() - began) / len(images)
    above = sum(share > 1 for share in shares)
    chosen = ", ".join(f"{shrink} ({count})" for shrink, count in sorted(shrinks.items()))
    spread = f"{min(shares):.3f} to {max(shares):.3f}"
    return [
        str(target), spread, str(above), f"{np.mean(quality):.2f} dB", chosen, f"{seconds:.1f}"
    ], above  # fmt: skip


def draw_sheet(codec: Codec, images: list[np.ndarray], target: int, path: Path) -> None:
    panels = []
    for image in images:
        data = codec.compress_to_size(image, target)
        picture = codec.decompress(data)
        panels.append((picture, f"{len(data)} bytes, {psnr(image, picture):.2f} dB"))
    sheet = draw_film(panels, SHEET_WIDTH)
    write_atomically(path, encode_image(sheet, path.suffix), overwrite=True)


def classical(images: list[np.ndarray], target: int) -> list[str]:
    cells = []
    for codec in CLASSICAL:
        best = [best_within(codec, image, target) for image in images]
        reached = [each for each in best if each is not None]
        missing = len(best) - len(reached)
        mean = f"{np.mean(reached):.2f} dB" if not missing else "-"
        cells.append(mean if not missing else f"{missing} of {len(best)} impossible")
    return cells


def best_within(codec: PillowCodec, image: np.ndarray, target: int) -> float | None:
    """PSNR of the largest file of at most `target` bytes; None if the smallest is larger."""
    settings = list(codec.values)
    low, high, best = 0, len(settings), None
    while low < high:
        middle = (low + high) // 2
        data = codec.compress(image, settings[middle])
        if len(data) <= target:
            best, low = data, middle + 1
        else:
            high = middle
    return None if best is None else psnr(image, codec.decode(best))


def smallest(codec: PillowCodec, images: list[np.ndarray]) -> tuple[float, float]:
    """Mean bytes and mean PSNR of the files at the lowest setting."""
    files = [codec.compress(image, codec.values[0]) for image in images]
    pairs = zip(images, files, strict=True)
    quality = np.mean([psnr(image, codec.decode(file)) for image, file in pairs])
    return float(np.mean([len(file) for file in files])), float(quality)


if __name__ == "__main__":
    sys.exit(main())
