"""Options that several commands share."""

import argparse
import os
import sys

from pqmim_jax.limits import MAX_PIXELS
from pqmim_jax.loading import JAX

MODEL_VARIABLE = "PQMIM_MODEL"  # of the environment: --model, where that is not given


def add_command(
    subparsers,
    name: str,
    run,
    *,
    summary: str,
    epilog: str,
    takes_extra: bool = False,
    any_runtime: bool = False,
) -> argparse.ArgumentParser:
    """Adds a command `name` that `run(args) -> exit code` carries out.

    Args:
      summary: its line in `pqmim --help` and the top of its own help.
      epilog: shown as it stands below the options: examples, then, after an empty line, what else
        there is to know.
      takes_extra: unknown arguments go to `args.extra` instead of being wrong usage.
      any_runtime: works with every `--runtime`, not with JAX only.
    """
    parser = subparsers.add_parser(
        name,
        help=summary,
        description=summary[0].upper() + summary[1:] + ".",
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=run, parser=parser, takes_extra=takes_extra, any_runtime=any_runtime)
    return parser


def add_model(parser: argparse.ArgumentParser) -> None:
    """--model: what `load_codec` loads."""
    parser.add_argument(
        "--model",
        metavar="NAME_OR_PATH",
        default=os.environ.get(MODEL_VARIABLE) or None,
        help="a packaged model's name (see `pqmim models`), a model folder, a training workdir, or "
        f"a folder that `pqmim export` made; default: ${MODEL_VARIABLE}, or else the packaged "
        "default model",
    ).complete = "file"


def add_pqm_file(parser: argparse.ArgumentParser) -> None:
    """FILE: for `Source.of`."""
    parser.add_argument(
        "file", metavar="FILE", help=".pqm file, or - for standard input"
    ).complete = "file"


def add_force(parser) -> None:
    """--force: existing files may be replaced. `parser` may be a group of options."""
    parser.add_argument("--force", action="store_true", help="replace files that exist already")


def add_quiet(parser: argparse.ArgumentParser) -> None:
    """--quiet: only what went wrong is printed."""
    parser.add_argument(
        "--quiet", action="store_true", help="print nothing but warnings and errors"
    )


def add_schedule(parser: argparse.ArgumentParser) -> None:
    """--schedule: checked by `check_schedule`."""
    parser.add_argument(
        "--schedule",
        metavar="SPEC",
        help='order of coding, such as "qlds(stages=4)": more stages give smaller files and take '
        "longer; default: the model's own",
    )


def add_max_pixels(parser: argparse.ArgumentParser) -> None:
    """--max-pixels: larger pictures are refused before they are decoded."""
    parser.add_argument(
        "--max-pixels",
        type=int,
        default=MAX_PIXELS,
        metavar="N",
        help=f"refuse pictures with more pixels (default: {MAX_PIXELS:,})",
    )


def chosen_runtime(args: argparse.Namespace) -> str:
    """What runs the networks of a command: --runtime, or what --model and this machine ask for.

    Raises:
      CommandError: $PQMIM_RUNTIME names no runtime.
    """
    from pqmim_jax.cli.errors import CommandError
    from pqmim_jax.loading import default_runtime

    if args.runtime is not None or not args.any_runtime:
        return args.runtime or JAX
    try:
        return default_runtime(args.model)
    except ValueError as error:
        raise CommandError(str(error)) from error


def load_codec(args: argparse.Namespace):
    """The `Codec` of --model in --runtime; ModelError or ExportError if there is no such model."""
    from pqmim_jax import loading

    def say(line: str) -> None:
        if not getattr(args, "quiet", False):
            print(f"pqmim: {line}", file=sys.stderr, flush=True)

    return loading.load_codec(args.model, runtime=args.runtime_asked_for, say=say)


def check_schedule(spec: str | None) -> None:
    """CommandError unless `spec` is None or a well-formed schedule."""
    from pqmim_jax.cli.errors import CommandError
    from pqmim_jax.masking import canonical

    if spec is None:
        return
    try:
        canonical(spec)
    except ValueError as error:
        raise CommandError(f"--schedule: {error}") from error


def check_quality(codec, quality: int | None) -> None:
    """CommandError unless `quality` is None or one of the model's."""
    from pqmim_jax.cli.errors import CommandError

    if quality is not None and not 1 <= quality <= codec.qualities:
        raise CommandError(
            f"--quality must be from 1 to {codec.qualities} with model {codec.model.name!r}, "
            f"got {quality}"
        )
