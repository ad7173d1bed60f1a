"""Lambda and curvature of each quality of a trained model, fitted to photographs.

    python tools/fit_encoder.py MODEL PHOTOS -o FITTED [--side 320] [--limit N]

Writes a copy of the model folder whose `model.json` has other `codec.rate_weights` (what a bit may
cost in squared error) and `codec.curvature` (how far a step of refinement goes). Both are the
encoder's own business: files that either model makes decode with both. MODEL is a packaged name, a
model folder or a training workdir; of each photograph the middle is encoded, whole files as users
get them. Photographs should be ones that the model was not trained on.

Prints both and, at each quality, the bits per pixel and the PSNR (of the mean squared error of all
photographs) before and after.
"""

import argparse
import json
import shutil
import tempfile
from functools import partial
from pathlib import Path

from encoder_fit.curvature import cheapest
from encoder_fit.lambdas import crossing, middles
from encoder_fit.trials import Trials

from pqmim_jax.codec import Codec
from pqmim_jax.evaluation.pictures import EvaluationError, find_images
from pqmim_jax.images import ImageError, middle, read_image
from pqmim_jax.model_store import ModelError, model_path


def main() -> None:
    options = parse_options()
    if options.output.exists():
        raise SystemExit(f"error: {options.output} exists; it is not written to")
    try:
        codec = Codec.load(options.model)
        paths = find_images(options.photos)[: options.limit]
        images = [middle(read_image(path), options.side) for path in paths]
    except (ModelError, EvaluationError, ImageError, OSError) as error:
        raise SystemExit(f"error: {error}") from error
    if codec.qualities < 2:
        raise SystemExit(f"error: {options.model} has one quality: no other to compare it with")
    print(f"{len(images)} photographs, model {codec.model.name}\n", flush=True)
    trials = Trials(codec, images)
    try:
        weights, curvature = fit(trials, codec.limits)
    except ValueError as error:
        raise SystemExit(f"error: {options.model}: {error}") from error
    report(trials, codec.limits, weights, curvature)
    write(model_path(options.model), options.output, weights, curvature)


def fit(trials: Trials, limits) -> tuple[list[float], list[float]]:
    """Lambdas and curvatures of qualities 1..M; ValueError if no quality betters the one below."""
    weights, curvature = list(limits.rate_weights), list(limits.curvature)
    if not all(weights):  # a model that was given none; nothing is refined without them
        weights = fit_rate_weights(trials, weights, curvature, passes=1)
    if limits.refinement_steps:
        curvature = fit_curvature(trials, weights, curvature[0])
    return fit_rate_weights(trials, weights, curvature), curvature


def fit_curvature(trials: Trials, weights: list[float], start: float) -> list[float]:
    found: list[float] = []
    for quality, weight in enumerate(weights, 1):

        def cost(curvature: float, quality=quality, weight=weight) -> float:
            return trials(quality, weight, curvature).cost(weight)

        found.append(cheapest(cost, found[-1] if found else start))
        print(f"quality {quality}: curvature {found[-1]:.3g}", flush=True)
    return [float(f"{value:.3g}") for value in found]


def fit_rate_weights(
    trials: Trials, weights: list[float], curvature: list[float], passes: int = 6
) -> list[float]:
    crossings = []
    for i in range(len(weights) - 1):
        lower, higher = (partial(_at, trials, q + 1, curvature[q]) for q in (i, i + 1))
        start = (weights[i] * weights[i + 1]) ** 0.5
        crossings.append(crossing(lower, higher, start, passes))
        print(f"qualities {i + 1} and {i + 2}: lambda {crossings[-1]:.0f}", flush=True)
    return [float(f"{weight:.3g}") for weight in middles(crossings)]


def _at(trials: Trials, quality: int, curvature: float, rate_weight: float):
    return trials(quality, rate_weight, curvature)


def report(trials: Trials, limits, weights: list[float], curvature: list[float]) -> None:
    print("\n| quality | lambda | curvature | bpp | PSNR |\n| --- | --- | --- | --- | --- |")
    for i in range(limits.qualities):
        old, new = (limits.rate_weights[i], limits.curvature[i]), (weights[i], curvature[i])
        before, after = (trials(i + 1, *values) for values in (old, new))
        print(
            f"| {i + 1} | {old[0]:g} -> {new[0]:g} | {old[1]:g} -> {new[1]:g} "
            f"| {before.bits_per_pixel:.4f} -> {after.bits_per_pixel:.4f} "
            f"| {before.psnr:.3f} -> {after.psnr:.3f} dB |",
            flush=True,
        )


def write(model: Path, output: Path, weights: list[float], curvature: list[float]) -> None:
    """The folder appears under its name when it is whole."""
    parent = output.absolute().parent
    parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="fitted-", dir=parent) as unfinished:
        folder = Path(shutil.copytree(model, Path(unfinished, "model")))
        manifest = json.loads((folder / "model.json").read_text())
        manifest["codec"] |= {"rate_weights": weights, "curvature": curvature}
        (folder / "model.json").write_text(json.dumps(manifest, sort_keys=True) + "\n")
        folder.rename(output)


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", help="name, folder or workdir")
    parser.add_argument("photos", type=Path, help="folder of pictures, that stays as it is")
    parser.add_argument("-o", "--output", type=Path, required=True, help="new model folder")
    parser.add_argument(
        "--side", type=int, default=320, help="pixels of the middles; 0 = whole (default 320)"
    )
    parser.add_argument("--limit", type=int, help="only the first N photographs")
    options = parser.parse_args()
    if options.side < 0 or (options.limit is not None and options.limit < 1):
        parser.error("--side must be at least 0, --limit at least 1")
    return options


if __name__ == "__main__":
    main()
