"""Checks, on a folder of pictures, what a codec must never get wrong.

    python tools/verify_round_trip.py PICTURES [--model NAME] [--quality Q]

Compresses every picture on all cores, decompresses the files in fresh processes on one core and
on two, and compares with the encoder's own reconstruction, pixel by pixel. Then holds the size of
every file against the model's ideal code length. Exits 1 if anything differs.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from pqmim_jax import model_store
from pqmim_jax.codec import Codec
from pqmim_jax.evaluation.pictures import find_images
from pqmim_jax.images import read_image
from pqmim_jax.loading import load_codec

ON_CORES = """
import os, sys
os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: int(sys.argv[1])])
from pqmim_jax.cli import main
sys.exit(main(sys.argv[2:]))
"""


def compress_all(codec: Codec, paths: list[Path], quality: int, folder: Path) -> list[Path]:
    files = [folder / f"{path.stem}.pqm" for path in paths]
    for path, file in zip(paths, files, strict=True):
        file.write_bytes(codec.compress(read_image(path), quality=quality))
    return files


def decompress_all(files: list[Path], folder: Path, model: str, cores: int) -> None:
    """In a fresh process that may use only so many cores."""
    folder.mkdir()
    command = [sys.executable, "-c", ON_CORES, str(cores), "decompress", *map(str, files)]
    subprocess.run(
        [*command, "-o", str(folder), "--model", model], stdout=subprocess.DEVNULL, check=True
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pictures", type=Path)
    parser.add_argument("--model", default=model_store.DEFAULT)
    parser.add_argument("--quality", type=int, help="default: the best")
    options = parser.parse_args()
    codec = load_codec(options.model)
    quality = options.quality or codec.qualities
    paths = find_images(options.pictures)
    different, excess = 0, []
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        files = compress_all(codec, paths, quality, folder)
        for cores in (1, 2):
            decompress_all(files, folder / str(cores), options.model, cores)
        for path, file in zip(paths, files, strict=True):
            image = read_image(path)
            encoded = codec.encode(image, quality=quality)
            different += encoded.data != file.read_bytes()
            own = codec.decode_indices(encoded.indices, quality, image.shape[:2])
            for cores in (1, 2):
                decoded = read_image(folder / str(cores) / f"{path.stem}.png")
                different += not np.array_equal(decoded, own)
            ideal = encoded.stage_bits.sum() / 8
            excess.append(file.stat().st_size - ideal)
            too_long = file.stat().st_size > 1.01 * ideal + 16
            different += too_long
    print(f"{len(paths)} pictures, quality {quality}: {different} failures")
    print(f"bytes beyond the ideal code length: {min(excess):.1f} to {max(excess):.1f}")
    return int(different > 0)


if __name__ == "__main__":
    sys.exit(main())
