"""A copy of a model with other settings of the codec, without training.

    python tools/set_codec.py MODEL -o NEW --lambdas 8000,6000,... --curvature 25,8,4,...

--lambdas: of qualities 1 to M, what a bit may cost in squared error (8-bit units, summed over a
token). --curvature: what steps of refinement are divided by, one number or one for each
sub-quantizer (`pqmim_jax/codec/refinement.py`). --refine: how many steps. These three are the
encoder's own business: files that either model makes decode with both.

--schedule: the default coding order, e.g. "qlds(stages=4)". --halo: tokens around a window that the
MIM sees, fewer than now: less time for a few more bits. These two decide about indices: files of
the one model do not decode with the other.

What is not given stays. MODEL is a packaged name, a model folder or a training workdir.
"""

import argparse
import json
import math
import shutil
import tempfile
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file

from pqmim_jax.codec.settings import MAX_REFINEMENT_STEPS
from pqmim_jax.masking import canonical
from pqmim_jax.model_store import ModelError, load_model, model_path

BIASES = ("position_bias", "relative_bias")  # of a MIM in integers, and as it was trained


def main() -> None:
    options = parse_options()
    if options.output.exists():
        raise SystemExit(f"error: {options.output} exists; it is not written to")
    try:
        config = load_model(options.model).config
    except ModelError as error:
        raise SystemExit(f"error: {error}") from error
    qualities, halo = config["autoencoder"]["num_codebooks"], config["codec"]["halo"]
    if options.halo is not None and not 0 <= options.halo < halo:
        raise SystemExit(f"error: --halo must be at least 0 and below {halo}, that of the model")
    given = {
        "rate_weights": options.lambdas,
        "curvature": options.curvature,
        "refinement_steps": options.refine,
        "schedule": options.schedule,
        "halo": options.halo,
    }
    changes = {name: value for name, value in given.items() if value is not None}
    if len(changes.get("curvature", ())) == 1:
        (changes["curvature"],) = changes["curvature"]
    for name, value in changes.items():
        if isinstance(value, list) and len(value) != qualities:
            count = f"{qualities} sub-quantizers, not {len(value)}"
            raise SystemExit(f"error: {name.replace('_', ' ')}: {options.model} has {count}")
    try:
        write(model_path(options.model), options.output, changes, halo)
    except OSError as error:
        raise SystemExit(f"error: {options.output} cannot be written: {error}") from error


def write(model: Path, output: Path, changes: dict, halo: int) -> None:
    """The folder appears under its name when it is whole; `halo` is that of the old one."""
    parent = output.absolute().parent
    parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="model-", dir=parent) as unfinished:
        folder = Path(shutil.copytree(model, Path(unfinished, "model")))
        manifest = json.loads((folder / "model.json").read_text())
        manifest["codec"] |= changes
        (folder / "model.json").write_text(json.dumps(manifest, sort_keys=True) + "\n")
        if "halo" in changes:
            for file in folder.glob("*.safetensors"):
                save_file(without_halo(load_file(file), halo - changes["halo"]), file)
        folder.rename(output)


def without_halo(tensors: dict[str, np.ndarray], less: int) -> dict[str, np.ndarray]:
    """Position biases without the offsets that windows smaller by `less` on each side lack."""
    margin = slice(2 * less, -2 * less)
    return {
        name: np.ascontiguousarray(value[margin, margin]) if name.endswith(BIASES) else value
        for name, value in tensors.items()
    }


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", help="name, folder or workdir")
    parser.add_argument("-o", "--output", type=Path, required=True, help="new model folder")
    parser.add_argument("--lambdas", type=_positive, metavar="L1,...,LM")
    parser.add_argument("--curvature", type=_positive, metavar="C or C1,...,CM")
    parser.add_argument("--refine", type=int, metavar="N")
    parser.add_argument("--schedule", type=_schedule, metavar="SPEC")
    parser.add_argument("--halo", type=int, metavar="N")
    options = parser.parse_args()
    if options.refine is not None and not 0 <= options.refine <= MAX_REFINEMENT_STEPS:
        parser.error(f"--refine must be in 0..{MAX_REFINEMENT_STEPS}")
    if all(
        value is None for name, value in vars(options).items() if name not in ("model", "output")
    ):
        parser.error("nothing to set: one of the options above must be given")
    return options


def _schedule(text: str) -> str:
    try:
        return canonical(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _positive(text: str) -> list[float]:
    try:
        values = [float(word) for word in text.split(",")]
    except ValueError:
        values = []
    if not values or not all(0 < value < math.inf for value in values):
        raise argparse.ArgumentTypeError(f"must be numbers > 0 with commas between, not {text!r}")
    return values


if __name__ == "__main__":
    main()
