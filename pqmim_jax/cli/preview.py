"""`pqmim preview`: how a file's picture comes into being, stage by stage."""

import argparse
import sys
from pathlib import Path

from pqmim_jax.cli import options, targets
from pqmim_jax.cli.errors import CommandError
from pqmim_jax.cli.sources import Source
from pqmim_jax.cli.warning_lines import other_decoder

_EPILOG = """\
example:
  pqmim preview photo.pqm -o film.png

Each panel is what `pqmim decompress --allow-truncated` makes of the file's beginning, up to the end
of a stage; the model fills in what is missing.
"""


def add_parser(subparsers) -> None:
    """Adds the command."""
    parser = options.add_command(
        subparsers,
        "preview",
        run,
        summary="show the picture after each stage of a .pqm file, with its bytes",
        epilog=_EPILOG,
        any_runtime=True,
    )
    options.add_pqm_file(parser)
    parser.add_argument(
        "-o", "--output", metavar="OUT", required=True, help="picture to write, such as film.png"
    ).complete = "file"
    parser.add_argument(
        "--width",
        type=int,
        default=384,
        metavar="PIXELS",
        help="of each panel (default: 384; pictures are never enlarged)",
    )
    options.add_model(parser)
    options.add_force(parser)
    options.add_quiet(parser)
    options.add_max_pixels(parser)


def run(args: argparse.Namespace) -> int:
    """Draws the film of one file."""
    from pqmim_jax.coding import PqmError, unpack
    from pqmim_jax.images import check_output_suffix, encode_image, write_atomically
    from pqmim_jax.images.film import draw_film

    if args.width < 16:
        args.parser.error("argument --width: must be at least 16")
    output = Path(args.output)
    suffix = check_output_suffix(output.suffix)
    targets.check_output(output, force=args.force)
    source = Source.of(args.file)
    data = source.read()
    codec = options.load_codec(args)
    try:
        panels = _panels(codec, data, args.max_pixels)
    except PqmError as error:
        raise CommandError(f"{source}: {error}") from error
    header, _ = unpack(data)
    if header.decoder != codec.model.decoder:
        line = other_decoder(header, codec.model)
        print(f"pqmim: warning: {source}: {line}", file=sys.stderr)
    film = encode_image(draw_film(panels, args.width), suffix)
    write_atomically(output, film, overwrite=args.force)
    if not args.quiet:
        print(f"{source} -> {output}  {len(panels)} stages")
    return 0


def _panels(codec, data: bytes, max_pixels: int) -> list:
    """(picture, caption) after each stage that the file holds."""
    info = codec.info(data, max_pixels=max_pixels)
    pixels = info.header.width * info.header.height
    stages = info.header.stages or len(info.stage_ends)
    panels = []
    for stage, end in enumerate(info.stage_ends[:stages], start=1):
        # The last stage ends with the file, attachments included.
        prefix = data if stage == stages else data[:end]
        picture = codec.decode(prefix, allow_truncated=True, max_pixels=max_pixels).pixels
        caption = f"stage {stage} of {len(info.stage_ends)}: {len(prefix)} bytes"
        panels.append((picture, f"{caption}, {8 * len(prefix) / pixels:.3f} bpp"))
    return panels
