"""The parser of the `pqmim` command, and how its outcome becomes an exit code."""

import argparse
import sys
import traceback
from collections.abc import Sequence

from pqmim_jax import __version__
from pqmim_jax.allocator import keep_freed_memory
from pqmim_jax.cli import (
    ablate,
    completion,
    compress,
    decompress,
    evaluate,
    export,
    info,
    integers,
    manual,
    models,
    options,
    preview,
    schedules,
    serve_demo,
    train,
)
from pqmim_jax.cli.errors import user_message
from pqmim_jax.loading import JAX, RUNTIMES

INTERRUPTED = 130  # what shells report for Ctrl-C
_COMMANDS = (
    compress,
    decompress,
    info,
    preview,
    models,
    schedules,
    evaluate,
    export,
    train,
    integers,
    ablate,
    serve_demo,
    completion,
    manual,
)
_EPILOG = """\
example:
  pqmim compress photo.jpg              writes photo.pqm
  pqmim decompress photo.pqm            writes photo.png
  pqmim help compress                   the manual of a command

`pqmim help COMMAND` shows more than `pqmim COMMAND --help`.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line `argv` (default: this process's); returns the exit code.

    Raises:
      SystemExit: --help, --version or wrong usage, as argparse does.
    """
    args, extra = build_parser().parse_known_args(argv)
    if extra and not args.takes_extra:
        args.parser.error(f"unrecognized arguments: {' '.join(extra)}")
    if args.runtime not in (None, JAX) and not args.any_runtime:
        args.parser.error(f"there is no --runtime {args.runtime} for this command")
    args.extra = extra
    keep_freed_memory()
    try:
        args.runtime_asked_for, args.runtime = args.runtime, options.chosen_runtime(args)
        return args.run(args)
    except KeyboardInterrupt:
        print("pqmim: interrupted", file=sys.stderr)
        return INTERRUPTED
    except Exception as error:
        message = user_message(error)
        if message is None:
            raise
        if args.show_traceback:
            traceback.print_exc()
        print(f"pqmim: error: {message}", file=sys.stderr)
        return 1


def build_parser() -> argparse.ArgumentParser:
    """Parser of all commands; each sets `run`, `parser` and `takes_extra` in its namespace."""
    parser = argparse.ArgumentParser(
        prog="pqmim",
        description="Image compression with product-quantized masked image modeling (PQ-MIM).",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"pqmim {__version__}")
    parser.add_argument(
        "--show-traceback",
        action="store_true",
        help="before the one line that says what is wrong, print where it arose (for bug reports)",
    )
    parser.add_argument(
        "--runtime",
        choices=RUNTIMES,
        help="what runs the networks: jax, or onnx: ONNX Runtime, with programs that are exported "
        "once for each model and kept in the cache, or with a --model that `pqmim export` made, "
        "where JAX need not be installed; files are the same (default: $PQMIM_RUNTIME, or else "
        "onnx where it is installed and JAX has no accelerator)",
    )
    subparsers = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in _COMMANDS:
        command.add_parser(subparsers)
    return parser
