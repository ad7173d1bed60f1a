"""`pqmim compress`: pictures to `.pqm` files."""

import argparse

from pqmim_jax.cli import files, options
from pqmim_jax.cli.errors import CommandError
from pqmim_jax.cli.sources import Source

SUFFIX = ".pqm"
_EPILOG = """\
examples:
  pqmim compress photo.jpg                            writes photo.pqm, the best picture
  pqmim compress photo.jpg -o tiny.pqm --quality 1    the smallest file
  pqmim compress *.png -o compressed/                 a folder of files
  pqmim compress photos/ -o compressed/               every picture below photos/, mirrored
  pqmim compress - < photo.jpg > photo.pqm            in a pipeline

The file can only be opened again with the same model.
"""


def add_parser(subparsers) -> None:
    """Adds the command."""
    parser = options.add_command(
        subparsers, "compress", run, summary="make .pqm files of pictures", epilog=_EPILOG
    )
    files.add_files(parser, "pictures (PNG, JPEG, WebP, TIFF, ...)", SUFFIX)
    options.add_model(parser)
    parser.add_argument(
        "--quality",
        type=int,
        metavar="1..N",
        help="1 is the smallest file, N the best picture; `pqmim models` shows each model's N "
        "(default: N)",
    )
    parser.add_argument(
        "--lambda",
        dest="rate_weight",
        type=float,
        metavar="L",
        help="how much squared error one bit may cost: larger gives smaller files, 0 the closest "
        "picture at this quality (default: the model's choice for the quality)",
    )
    options.add_schedule(parser)


def run(args: argparse.Namespace) -> int:
    """Compresses every input."""
    from pqmim_jax.images import IMAGE_SUFFIXES

    jobs = files.plan(args, reads=IMAGE_SUFFIXES, writes=SUFFIX)
    options.check_schedule(args.schedule)
    codec = options.load_codec(args)
    options.check_quality(codec, args.quality)
    return files.convert_all(jobs, lambda source: _compress(codec, source, args), args)


def _compress(codec, source: Source, args: argparse.Namespace) -> files.Converted:
    from pqmim_jax.images import read_image

    with source.open() as file:
        image = read_image(file)
    try:
        data = codec.compress(
            image, quality=args.quality, rate_weight=args.rate_weight, schedule=args.schedule
        )
    except ValueError as error:
        raise CommandError(f"{source}: {error}") from error
    bpp = 8 * len(data) / (image.shape[0] * image.shape[1])
    return files.Converted(data, f"{len(data)} bytes  {bpp:.4f} bpp")
