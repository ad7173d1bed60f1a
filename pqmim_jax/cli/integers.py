"""`pqmim integers`: a trained MIM as the integers that files are made and read with."""

import argparse
from pathlib import Path

from pqmim_jax.cli import options
from pqmim_jax.cli.errors import CommandError

_EPILOG = """\
example:
  pqmim integers WORKDIR --pictures photos/ -o model

Training does this by itself at its end. This command does it anew, with other pictures, or for a
model folder of before the MIM was in integers (`float_mim.safetensors`, or format 1). Pictures are
looked at to choose the scales of activations, a window of each; they should be some that the model
was trained on. Printed is what the integers cost: bits over those of the float MIM, by ideal code
lengths on the first of these windows. A new MIM makes other files: their fingerprint says so.
"""


def add_parser(subparsers) -> None:
    """Adds the command."""
    parser = options.add_command(
        subparsers, "integers", run, summary="convert a trained MIM to integers", epilog=_EPILOG
    )
    parser.add_argument(
        "model", metavar="MODEL", help="a packaged model's name, a model folder or a workdir"
    ).complete = "file"
    parser.add_argument(
        "--pictures", required=True, metavar="FOLDER", help="training pictures to calibrate on"
    ).complete = "file"
    parser.add_argument(
        "-o", "--output", required=True, metavar="FOLDER", help="model folder to make"
    ).complete = "file"
    parser.add_argument(
        "--windows",
        type=int,
        default=48,
        metavar="N",
        help="how many pictures are looked at, spread over the folder (default %(default)s)",
    )
    options.add_quiet(parser)


def run(args: argparse.Namespace) -> int:
    """Converts one model."""
    from pqmim_jax.model_store import load_float_model, save_model
    from pqmim_jax.training import integer_stage

    output = Path(args.output)
    if output.exists():
        raise CommandError(f"{output} exists; it is not written to")
    if args.windows < 1:
        raise CommandError(f"--windows must be at least 1, got {args.windows}")
    sections, autoencoder, mim, counts = load_float_model(args.model)
    codec, section = sections["codec"], sections["autoencoder"]
    codec.pop("mim_precision", None)  # of before the MIM was in integers
    side = (codec["window"] + 2 * codec["halo"]) * section["f"]
    images = crops(Path(args.pictures), side, args.windows)
    windows = integer_stage.picture_windows(
        section, autoencoder, images, counts, codec["rate_weights"]
    )
    tree = integer_stage.convert(sections, mim, windows)
    if not args.quiet:
        measured = windows[: integer_stage.MEASURED]
        change = integer_stage.cost(sections, mim, tree, measured)
        print(f"{args.model} -> {output}  {100 * change:+.3f}% bits on {len(measured)} windows")
    save_model(output, sections, autoencoder, tree, counts, mim)
    return 0


def crops(folder: Path, side: int, count: int):
    """(n, side, side, 3) uint8: the middles of pictures that are large enough, n <= count."""
    import numpy as np

    from pqmim_jax.evaluation.pictures import EvaluationError, find_images
    from pqmim_jax.images import read_image
    from pqmim_jax.images.middle import middle

    try:
        paths = find_images(folder)
    except EvaluationError as error:
        raise CommandError(str(error)) from error
    found = []
    for path in paths[:: max(1, len(paths) // count)]:
        image = read_image(path)
        if image.ndim == 3 and min(image.shape[:2]) >= side and len(found) < count:
            found.append(middle(image[..., :3], side))
    if not found:
        raise CommandError(f"{folder}: no colour picture of at least {side} x {side} pixels in it")
    return np.stack(found)
