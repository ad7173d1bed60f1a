"""What the paper's abstract claims, trained and measured under one small, equal budget.

    python tools/reproduce_claims.py --photos PHOTOS/ --pictures KODAK/ --workdir DIR
        [--megapixels 400] [--perceptual-megapixels 25] [--seeds 0] [--table FILE]

(a) a product quantizer gives a wide range of rate-distortion points, (b) the MIM saves bits,
(c) PQ-MIM is on par with a hyperprior codec, (d) with perceptual losses it beats a HiFiC-style
baseline in LPIPS, FID and KID, (e) pictures are worth something down to 200 bytes. Every step is a
`pqmim` command, printed as it is run; what is there already is not done again. Ends with a Markdown
table: a claim holds (or does not) where the 95% interval of every seed is on one side, and is
called "not shown at this budget" otherwise. Needs the extras train and perceptual.
"""

import argparse
import subprocess
import sys
import time
from pathlib import Path

from claims import findings, tiny_files
from claims.evaluations import Evaluations
from claims.trainings import Budget, Training, trainings
from claims.verdict import Finding, to_markdown

from pqmim_jax.codec import Codec
from pqmim_jax.evaluation.pictures import find_images
from pqmim_jax.images import read_image, write_atomically

TARGETS = (200, 500, 1000, 2000)  # bytes


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photos", type=Path, required=True, help="to train on")
    parser.add_argument("--pictures", type=Path, required=True, help="to measure on")
    parser.add_argument("--workdir", type=Path, required=True)
    parser.add_argument("--megapixels", type=float, default=400, help="a codec is trained on")
    parser.add_argument("--perceptual-megapixels", type=float, default=25, help="on top")
    parser.add_argument("--seeds", default="0", metavar="N,N")
    parser.add_argument("--table", type=Path, help="write the table to this file too")
    options = parser.parse_args()
    seeds = [int(word) for word in options.seeds.split(",")]
    budget = Budget(options.megapixels, options.perceptual_megapixels)
    options.workdir.mkdir(parents=True, exist_ok=True)
    for seed in seeds:
        for each in trainings(budget, options.photos, options.workdir, seed):
            train(each, options.workdir)
    table = to_markdown(find(options, seeds), seeds)
    print(table)
    if options.table:
        write_atomically(options.table, f"{table}\n".encode(), overwrite=True)
    return 0


def train(training: Training, workdir: Path) -> None:
    """Runs one training, or what a stopped run left of it."""
    done = workdir / training.name / "seconds"
    if done.exists():
        return
    began = time.monotonic()
    pqmim(training.arguments(workdir))
    write_atomically(done, f"{time.monotonic() - began:.0f}\n".encode(), overwrite=True)


def pqmim(arguments: list[str]) -> None:
    """Runs the command in a process of its own; CalledProcessError if it fails."""
    print("pqmim", *arguments, flush=True)
    subprocess.run([sys.executable, "-m", "pqmim_jax", *arguments], check=True)


def find(options: argparse.Namespace, seeds: list[int]) -> list[Finding]:
    """All findings, in the order of the claims."""
    measured = [Evaluations(options.workdir, options.pictures, seed, pqmim) for seed in seeds]
    images = [read_image(path) for path in find_images(options.pictures)]
    small = [
        tiny_files.measure(Codec.load(options.workdir / f"pq-{seed}"), images, TARGETS)
        for seed in seeds
    ]
    return [
        *findings.product_quantization([each.product_and_plain for each in measured]),
        *findings.entropy_model([each.staged_and_one_shot for each in measured]),
        *findings.hyperprior([each.ours_and_hyperprior for each in measured]),
        *findings.perceptual(
            [each.perceptual_and_hific for each in measured],
            [each.perceptual_sets for each in measured],
        ),
        *(tiny_files.finding(target, [each[target] for each in small]) for target in TARGETS),
    ]


if __name__ == "__main__":
    sys.exit(main())
