"""Do files made with JAX decode in ONNX Runtime, and the other way round?

    python tools/check_portability.py PICTURES [--qualities 2,6,12] [--limit N] [--logits]

Every picture is compressed by both runtimes and each file is decompressed by the other one.
Prints, for each quality: files, pictures of which the runtimes made other bytes, files whose
indices did not come back (the checksum in the file tells), the largest difference of a pixel and
how many pixels differ, and seconds. `--logits` exchanges no files: it compares the logits of all
stages, given the indices that JAX chose. Exits 1 if an index is wrong, a logit differs, or a pixel
by more than 1.
"""

import argparse
import sys
import tempfile
from pathlib import Path

from portability.exchange import Counts, Runtimes

from pqmim_jax import model_store
from pqmim_jax.evaluation.pictures import find_images
from pqmim_jax.images import read_image


def print_results(results: dict[int, Counts]) -> None:
    print(
        "quality  files  other bytes  wrong indices  worst pixel  pixels off     logits  off    s"
    )
    for quality, c in results.items():
        print(
            f"{quality:>7}  {c.files:>5}  {c.different_bytes:>11}  {c.wrong_indices:>13}  "
            f"{c.worst_pixel:>11}  {c.pixels_off:>10}  {c.logits:>9}  {c.logits_off:>3}  "
            f"{c.seconds:>3.0f}"
        )


def parsed(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pictures", type=Path)
    parser.add_argument("--model", default=model_store.DEFAULT)
    parser.add_argument("--export", type=Path, help="exported folder, made if it is not there")
    parser.add_argument("--qualities", help="comma-separated; default: low, middle, best")
    parser.add_argument("--limit", type=int, help="so many pictures only")
    parser.add_argument("--logits", action="store_true", help="compare logits instead of files")
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> int:
    options = parsed(argv)
    model = model_store.load_model(options.model)
    m = model.config["autoencoder"]["num_codebooks"]
    wanted = options.qualities or f"{max(1, m // 6)},{max(1, m // 2)},{m}"
    results = {int(quality): Counts() for quality in wanted.split(",")}
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.export or Path(temporary) / "onnx"
        runtimes = Runtimes.of(model, folder, logits=options.logits)
        for path in find_images(options.pictures)[: options.limit]:
            image = read_image(path)
            for quality, counts in results.items():
                runtimes.check(counts, image, quality)
            print(path.name, file=sys.stderr, flush=True)
    print_results(results)
    return int(any(counts.failed for counts in results.values()))


if __name__ == "__main__":
    sys.exit(main())
