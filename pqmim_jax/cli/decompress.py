"""`pqmim decompress`: `.pqm` files to pictures."""

import argparse

from pqmim_jax.cli import files, options
from pqmim_jax.cli.errors import CommandError
from pqmim_jax.cli.sources import Source

_EPILOG = """\
examples:
  pqmim decompress photo.pqm                      writes photo.png
  pqmim decompress photo.pqm -o photo.webp        the suffix chooses the format
  pqmim decompress *.pqm -o pictures/             a folder of PNG files
  pqmim decompress compressed/ --format jpg       every .pqm file below, each a .jpg beside it
  pqmim decompress - < photo.pqm | display -      in a pipeline

PNG, WebP, TIFF, BMP and PPM hold the decoded picture exactly; JPEG (quality 95) nearly.
A damaged file, or another model than the one that made it, is an error, never a wrong picture.
"""


def add_parser(subparsers) -> None:
    """Adds the command."""
    parser = options.add_command(
        subparsers, "decompress", run, summary="make pictures of .pqm files", epilog=_EPILOG
    )
    files.add_files(parser, ".pqm files", "of --format")
    parser.add_argument(
        "--format",
        metavar="FORMAT",
        help="png, webp, tif, bmp, ppm or jpg (default: what the suffix of the file that -o names "
        "says, otherwise png)",
    )
    options.add_model(parser)


def run(args: argparse.Namespace) -> int:
    """Decompresses every input."""
    from pqmim_jax.images import check_output_suffix

    suffix = check_output_suffix(f".{args.format or 'png'}")
    jobs = files.plan(args, reads={".pqm"}, writes=suffix)
    if args.format is None and jobs and jobs[0].target is not None:
        suffix = check_output_suffix(jobs[0].target.suffix)  # that of --output, if it names a file
    codec = options.load_codec(args)
    return files.convert_all(jobs, lambda source: _decompress(codec, source, suffix), args)


def _decompress(codec, source: Source, suffix: str) -> files.Converted:
    from pqmim_jax.coding import PqmError
    from pqmim_jax.images import encode_image

    with source.open() as file:
        data = file.read()
    try:
        picture = codec.decompress(data)
    except PqmError as error:
        raise CommandError(f"{source}: {error}") from error
    height, width = picture.shape[:2]
    return files.Converted(encode_image(picture, suffix), f"{width} x {height} pixels")
