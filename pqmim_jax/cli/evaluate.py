"""`pqmim evaluate`: rate and distortion on a folder of pictures."""

import argparse
from pathlib import Path

from pqmim_jax.cli import options
from pqmim_jax.cli.errors import CommandError
from pqmim_jax.cli.progress import with_progress
from pqmim_jax.cli.targets import check_output

_EPILOG = """\
examples:
  pqmim evaluate kodak/
  pqmim evaluate kodak/ --quality 4,8 --jpeg --json report.json

Every picture is compressed to the bytes of a whole file and decompressed from them again, which
must give the encoder's own picture. Rates count whole files; PSNR is over RGB samples of 8 bits,
its mean the mean of the pictures' dB.
"""


def add_parser(subparsers) -> None:
    """Adds the command."""
    parser = options.add_command(
        subparsers,
        "evaluate",
        run,
        summary="measure size, PSNR and speed on a folder of pictures",
        epilog=_EPILOG,
    )
    folder = parser.add_argument("folder", metavar="DIR", help="folder of pictures")
    folder.complete = "directory"
    folder.required = False  # argparse gives a DIR after --quality to that: `_settle` takes it back
    options.add_model(parser)
    parser.add_argument(
        "--quality",
        nargs="+",
        metavar="Q",
        help="qualities to measure, such as 4,8 or 4 8 (default: all of the model's)",
    )
    parser.add_argument(
        "--lambda",
        dest="rate_weight",
        type=float,
        metavar="L",
        help="as in `pqmim compress`: what a bit may cost (default: the model's for each quality)",
    )
    options.add_schedule(parser)
    parser.add_argument(
        "--json", metavar="FILE", help="also write every number to this file"
    ).complete = "file"
    options.add_force(parser)
    parser.add_argument(
        "--jpeg",
        action="store_true",
        help="measure JPEG and WebP on the same pictures too, and compare at equal size",
    )


def run(args: argparse.Namespace) -> int:
    """Measures, prints a table, writes the JSON report."""
    _settle(args)
    if args.json is not None:
        check_output(Path(args.json), force=args.force)
    options.check_schedule(args.schedule)
    codec = options.load_codec(args)
    for quality in args.quality or ():
        options.check_quality(codec, quality)
    report = _evaluate(codec, args)
    from pqmim_jax.evaluation.report import to_json, to_table
    from pqmim_jax.images import write_atomically

    print(to_table(report))
    if args.json is not None:
        write_atomically(args.json, to_json(report).encode(), overwrite=args.force)
    return 0


def _settle(args: argparse.Namespace) -> None:
    """Makes `args.quality` None or a list of int, and `args.folder` a str; exits if it cannot."""
    words = args.quality or []
    if args.folder is None and words and not _is_list_of_numbers(words[-1]):
        args.folder = words.pop()
    if args.folder is None:
        args.parser.error("the following arguments are required: DIR")
    if args.quality is None:
        return
    wrong = next((word for word in words if not _is_list_of_numbers(word)), None)
    if wrong is not None or not words:
        got = args.folder if wrong is None else wrong
        args.parser.error(f"argument --quality: expected numbers such as 4,8 or 4 8, got {got!r}")
    args.quality = [int(number) for word in words for number in word.split(",")]


def _is_list_of_numbers(text: str) -> bool:
    return all(number.isdecimal() for number in text.split(","))


def _evaluate(codec, args: argparse.Namespace) -> dict:
    from pqmim_jax.evaluation import baselines
    from pqmim_jax.evaluation.report import build_report
    from pqmim_jax.evaluation.run import EvaluationError, find_images, measure_images
    from pqmim_jax.images import read_image
    from pqmim_jax.masking import canonical

    qualities = list(dict.fromkeys(args.quality or range(1, codec.qualities + 1)))
    schedule = canonical(args.schedule or codec.default_schedule)
    try:
        paths = find_images(Path(args.folder))
        measurements = list(
            with_progress(
                measure_images(codec, paths, qualities, schedule, args.rate_weight),
                len(paths) * len(qualities),
                "pqm",
            )
        )
    except (EvaluationError, ValueError) as error:
        raise CommandError(str(error)) from error
    curves = None
    if args.jpeg:
        curves = {
            name: baselines.measure(
                baseline, with_progress(map(read_image, paths), len(paths), name)
            )
            for name, baseline in baselines.BASELINES.items()
        }
    return build_report(codec, schedule, measurements, curves, args.rate_weight)
