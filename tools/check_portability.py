"""Do files made with JAX decode in ONNX Runtime, and the other way round?

    python tools/check_portability.py PICTURES [--qualities 2,6,12] [--limit N] [--tables]

Every picture is compressed by both runtimes and each file is decompressed by the other one.
Prints, for each quality: files that are not byte-identical, files whose indices did not come back
(the checksum in the file tells), the largest difference of a pixel, and seconds. With `--tables`
the probability tables of both runtimes are compared as well, row by row, on the same indices.
Exits 1 if an index is wrong or a pixel is off by more than 1.
"""

import argparse
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pqmim_jax import model_store
from pqmim_jax.codec import Codec
from pqmim_jax.codec.entropy_coding import run_stages
from pqmim_jax.coding import Header, PqmError
from pqmim_jax.evaluation.pictures import find_images
from pqmim_jax.export import export_model
from pqmim_jax.images import read_image
from pqmim_jax.masking import UNKNOWN
from pqmim_jax.runtime import load_codec


@dataclass
class Counts:
    """Of one quality."""

    files: int = 0
    different_bytes: int = 0
    wrong_indices: int = 0
    worst_pixel: int = 0
    pixels_off: int = 0
    rows: int = 0
    rows_off: int = 0
    seconds: float = 0.0


def cross(counts: Counts, made, maker: Codec, reader: Codec, quality: int, size) -> None:
    """Decodes a file of `maker` by `reader`."""
    counts.files += 1
    expected = maker.decode_indices(made.indices, quality, size)
    try:
        found = reader.decompress(made.data)
    except PqmError as error:
        counts.wrong_indices += 1
        print(f"quality {quality}: {error}", file=sys.stderr)
        return
    difference = np.abs(expected.astype(np.int16) - found)
    counts.worst_pixel = max(counts.worst_pixel, int(difference.max()))
    counts.pixels_off += int(np.count_nonzero(difference.any(axis=-1)))


def all_tables(codec: Codec, indices: np.ndarray, quality: int, size) -> list[np.ndarray]:
    """Cumulative tables of all chunks, given the indices that a decoder would have read."""
    header = Header(size[1], size[0], quality, codec.model.fingerprint)
    order = codec.coding_order(header)
    tables = []

    def source(each, chunk):
        tables.append(each)
        return indices[chunk.rows, chunk.columns, chunk.m]

    known = order.grid.padded_unknown(codec.qualities, UNKNOWN)
    run_stages(codec.programs, order, known, range(order.stage_count), source)
    return tables


def check(counts: Counts, image: np.ndarray, jax: Codec, onnx: Codec, quality: int, tables: bool):
    start, size = time.perf_counter(), image.shape[:2]
    made = [codec.encode(image, quality=quality) for codec in (jax, onnx)]
    counts.different_bytes += made[0].data != made[1].data
    cross(counts, made[0], jax, onnx, quality, size)
    cross(counts, made[1], onnx, jax, quality, size)
    if tables:
        both = (all_tables(codec, made[0].indices, quality, size) for codec in (jax, onnx))
        for a, b in zip(*both, strict=True):
            counts.rows += len(a)
            counts.rows_off += int(np.count_nonzero((a != b).any(axis=-1)))
    counts.seconds += time.perf_counter() - start


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pictures", type=Path)
    parser.add_argument("--model", default=model_store.DEFAULT)
    parser.add_argument("--export", type=Path, help="exported folder; default: export the model")
    parser.add_argument("--qualities", help="comma-separated; default: low, middle, best")
    parser.add_argument("--limit", type=int, help="so many pictures only")
    parser.add_argument("--tables", action="store_true", help="compare probability tables too")
    options = parser.parse_args()
    jax = Codec.load(options.model)
    m = jax.qualities
    wanted = options.qualities or f"{max(1, m // 6)},{max(1, m // 2)},{m}"
    results = {int(quality): Counts() for quality in wanted.split(",")}
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.export or Path(temporary) / "onnx"
        if options.export is None:
            export_model(model_store.load_model(options.model), "onnx", folder)
        onnx = load_codec(folder)
        for path in find_images(options.pictures)[: options.limit]:
            image = read_image(path)
            for quality, counts in results.items():
                check(counts, image, jax, onnx, quality, options.tables)
            print(f"{path.name}: {results}", file=sys.stderr, flush=True)
    print("quality  files  other bytes  wrong indices  worst pixel  pixels off  tables  off     s")
    for quality, c in results.items():
        print(
            f"{quality:>7}  {c.files:>5}  {c.different_bytes:>11}  {c.wrong_indices:>13}  "
            f"{c.worst_pixel:>11}  {c.pixels_off:>10}  {c.rows:>6}  {c.rows_off:>3}  "
            f"{c.seconds:>4.0f}"
        )
    return int(any(c.wrong_indices or c.worst_pixel > 1 for c in results.values()))


if __name__ == "__main__":
    sys.exit(main())
