"""`pqmim schedules`: draws coding schedules."""

import argparse
import os
import re
import sys
from pathlib import Path

from pqmim_jax.cli import options
from pqmim_jax.cli.errors import CommandError

_EPILOG = """\
examples:
  pqmim schedules
  pqmim schedules "qlds(stages=8)" "quincunx(levels=2,phase=1)" --size 24x24
  pqmim schedules "qlds(stages=3)*coarse_first(size=4)" --codebooks 12 -o schedule.png

Each cell is a position of the grid of tokens, its number the stage in which it is coded, 0 first.
On a terminal cells are coloured, dark for early stages; NO_COLOR=1 or a pipe gives numbers only.
Where sub-quantizers of a token are coded in different stages, each group gets its own drawing.
"""
_DEFAULT = (
    "one_shot",
    "checkerboard",
    "raster",
    "quincunx(levels=3)",
    "qlds(stages=8,alpha=2.2)",
    "random(stages=8,alpha=2.2)",
)
_MAX_SIDE = 256


def add_parser(subparsers) -> None:
    """Adds the command."""
    parser = options.add_command(
        subparsers, "schedules", run, summary="draw coding schedules", epilog=_EPILOG
    )
    parser.add_argument(
        "specs", metavar="SPEC", nargs="*", help="schedules to draw (default: one of each kind)"
    )
    parser.add_argument(
        "--size",
        default="16x16",
        metavar="HxW",
        help=f"rows and columns of the grid, each 1..{_MAX_SIDE} (default: 16x16)",
    )
    parser.add_argument(
        "--codebooks",
        type=int,
        default=4,
        metavar="M",
        help="sub-quantizers of a token, 1..64 (default: 4)",
    )
    parser.add_argument(
        "-o", "--output", metavar="FILE", help="write a PNG file instead of text"
    ).complete = "file"
    options.add_force(parser)


def run(args: argparse.Namespace) -> int:
    """Draws to the terminal or to a file."""
    from pqmim_jax.masking.panels import panels_of

    grid = (*_size(args.size), args.codebooks)
    if not 1 <= args.codebooks <= 64:
        raise CommandError(f"--codebooks must be from 1 to 64, got {args.codebooks}")
    try:
        panels = [panel for spec in args.specs or _DEFAULT for panel in panels_of(spec, grid)]
        if args.output is not None:
            _write(panels, args)
            return 0
    except ValueError as error:
        raise CommandError(str(error)) from error
    from pqmim_jax.masking.terminal import panel_lines

    colour = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    print("\n\n".join("\n".join(panel_lines(panel, colour=colour)) for panel in panels))
    return 0


def _write(panels, args: argparse.Namespace) -> None:
    from pqmim_jax.images import write_atomically
    from pqmim_jax.masking.drawing import draw_panels

    path = Path(args.output)
    if path.suffix.lower() != ".png":
        raise CommandError(f"--output must end in .png, got {args.output!r}")
    write_atomically(path, draw_panels(panels), overwrite=args.force)


def _size(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"([0-9]{1,3})[xX]([0-9]{1,3})", text)
    if not match or not all(1 <= int(side) <= _MAX_SIDE for side in match.groups()):
        raise CommandError(f"--size must be HxW with sides from 1 to {_MAX_SIDE}, got {text!r}")
    return int(match[1]), int(match[2])
