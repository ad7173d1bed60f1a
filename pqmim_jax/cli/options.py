"""Options that several commands share."""

import argparse
import os
from importlib import util
from pathlib import Path

from pqmim_jax.limits import MAX_PIXELS

JAX, ONNX = RUNTIMES = ("jax", "onnx")
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
    """What runs the networks of a command: --runtime, or what --model and this machine ask for."""
    if args.runtime is not None or not args.any_runtime:
        return args.runtime or JAX
    return ONNX if _is_exported(args.model) or util.find_spec("jax") is None else JAX


def _is_exported(model: str | None) -> bool:
    from pqmim_jax.runtime.manifest import MANIFEST

    return model is not None and (Path(model) / MANIFEST).is_file()


def load_codec(args: argparse.Namespace):
    """The `Codec` of --model in --runtime; ModelError or ExportError if there is no such model."""
    if args.runtime == ONNX:
        return _load_exported(args.model)
    from pqmim_jax.codec import Codec
    from pqmim_jax.model_store import DEFAULT

    return Codec.load(args.model or DEFAULT)


def _load_exported(folder: str | None):
    from pqmim_jax.cli.errors import CommandError
    from pqmim_jax.runtime import load_codec

    if folder is None:
        raise CommandError(
            f"ONNX Runtime needs --model FOLDER, or {MODEL_VARIABLE} set to it: a model that was "
            "exported where JAX is installed, by `pqmim export small --format onnx -o FOLDER`"
        )
    return load_codec(folder)


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
