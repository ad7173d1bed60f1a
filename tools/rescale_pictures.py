"""Rescaled copies of photographs, from which training crops are then cut without resampling.

An accelerator takes crops faster than processors can shrink them. With all copies in memory
(`--config.data.cache_mb`) a crop is a copy of its pixels, and nothing else:

    python tools/rescale_pictures.py PHOTOS COPIES
    pqmim train ... --config.data.source=folder:COPIES --config.data.min_scale=1 \\
        --config.data.max_scale=1 --config.data.cache_mb=32768
"""

import argparse
import functools
import os
import tempfile
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image

from pqmim_jax.data.decode import DataError, decode_image
from pqmim_jax.data.sources import FolderSource
from pqmim_jax.data.tiles import rescaled, spread_scales


def main() -> None:
    options = _parse()
    try:
        paths = FolderSource([options.photos]).paths
    except DataError as error:
        raise SystemExit(f"error: {error}") from error
    if options.copies_folder.exists():
        raise SystemExit(f"error: {options.copies_folder} exists; it is not written to")
    parent = options.copies_folder.absolute().parent
    parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="copies-", dir=parent) as unfinished:
        folder = Path(unfinished, "copies")  # gets its name when it is whole
        folder.mkdir()
        write = functools.partial(_write_copies, folder=folder, options=options)
        with ProcessPoolExecutor(options.processes) as pool:
            try:
                pixels = sum(pool.map(write, range(len(paths)), paths))
            except DataError as error:
                raise SystemExit(f"error: {error}") from error
        folder.rename(options.copies_folder)
    print(f"{len(paths)} photographs, {options.copies} copies each, {pixels / 1e6:.0f} megapixels")


def _write_copies(number: int, path: str, folder: Path, options: argparse.Namespace) -> int:
    """Writes all copies of one photograph; returns how many pixels they have."""
    picture = decode_image(path)
    rng = np.random.default_rng([options.seed, number])
    pixels = 0
    for i, scale in enumerate(
        spread_scales(options.copies, options.min_scale, options.max_scale, rng)
    ):
        copy = rescaled(picture, scale, options.min_side)
        # Uncompressed: reading them is what a run waits for before its first epoch.
        Image.fromarray(copy).save(folder / f"{number:05d}-{i:03d}.ppm")
        pixels += copy.shape[0] * copy.shape[1]
    return pixels


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photos", help="folder of photographs")
    parser.add_argument("copies_folder", type=Path, help="folder to make, must not exist")
    parser.add_argument("--copies", type=int, default=32, help="of each photograph (32)")
    parser.add_argument("--min-scale", type=float, default=0.25, help="smallest scale (0.25)")
    parser.add_argument("--max-scale", type=float, default=0.75, help="largest scale (0.75)")
    parser.add_argument("--min-side", type=int, default=320, help="pixels a side at least (320)")
    parser.add_argument("--seed", type=int, default=0, help="of the scales (0)")
    parser.add_argument("--processes", type=int, default=os.cpu_count(), help="default: all cores")
    options = parser.parse_args()
    if options.copies < 1 or options.processes < 1 or options.min_side < 1 or options.seed < 0:
        parser.error("--copies, --min-side and --processes must be >= 1, --seed >= 0")
    if not 0 < options.min_scale <= options.max_scale <= 1:
        parser.error("scales must be 0 < --min-scale <= --max-scale <= 1")
    return options


if __name__ == "__main__":
    main()
