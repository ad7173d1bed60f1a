"""`pqmim decompress`: `.pqm` files to pictures."""

import argparse
import warnings

from pqmim_jax.cli import files, options
from pqmim_jax.cli.errors import CommandError
from pqmim_jax.cli.sources import Source
from pqmim_jax.cli.warning_lines import other_decoder

_EPILOG = """\
examples:
  pqmim decompress photo.pqm                      writes photo.png
  pqmim decompress photo.pqm -o photo.webp        the suffix chooses the format
  pqmim decompress *.pqm -o pictures/             a folder of PNG files
  pqmim decompress compressed/ --format jpg       every .pqm file below, each a .jpg beside it
  pqmim decompress - < photo.pqm | display -      in a pipeline
  pqmim decompress half.pqm --allow-truncated     what arrived of a file, the rest imagined

PNG, WebP, TIFF, BMP and PPM hold the decoded picture exactly; JPEG (quality 95) and AVIF nearly.
A damaged file, or another model than the one that made it, is an error, never a wrong picture.
A model that differs in its decoder only decodes the file with a warning: its picture is another.
"""


def add_parser(subparsers) -> None:
    """Adds the command."""
    parser = options.add_command(
        subparsers,
        "decompress",
        run,
        summary="make pictures of .pqm files",
        epilog=_EPILOG,
        any_runtime=True,
    )
    files.add_files(parser, ".pqm files", "of --format")
    parser.add_argument(
        "--format",
        metavar="FORMAT",
        help="png, webp, tif, bmp, ppm, avif or jpg (default: what the suffix of the file that -o "
        "names says, otherwise png)",
    )
    options.add_model(parser)
    _add_missing(parser)
    options.add_max_pixels(parser)


def _add_missing(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--allow-truncated",
        action="store_true",
        help="of a file that is cut short, or damaged where that can be located, decode what is "
        "there, with a warning",
    )
    parser.add_argument(
        "--fill",
        choices=("mean", "argmax", "sample"),
        default="mean",
        help="what stands for codes that the file does not hold: the mean of what the model "
        "expects (default; least error), the likeliest, or a random draw (liveliest)",
    )
    parser.add_argument(
        "--temperature",
        type=float,
        default=1.0,
        metavar="T",
        help="of --fill sample: below 1 draws likely codes more often (default: 1)",
    )
    parser.add_argument(
        "--seed", type=int, default=0, metavar="N", help="of --fill sample (default: 0)"
    )


def run(args: argparse.Namespace) -> int:
    """Decompresses every input."""
    from pqmim_jax.images import check_output_suffix

    if not args.temperature > 0:
        args.parser.error("argument --temperature: must be more than 0")
    if args.seed < 0:
        args.parser.error("argument --seed: must not be negative")
    suffix = check_output_suffix(f".{args.format or 'png'}")
    jobs = files.plan(args, reads={".pqm"}, writes=suffix)
    if args.format is None and jobs and jobs[0].target is not None:
        suffix = check_output_suffix(jobs[0].target.suffix)  # that of --output, if it names a file
    codec = options.load_codec(args)
    return files.convert_all(jobs, lambda source: _decompress(codec, source, suffix, args), args)


def _decompress(codec, source: Source, suffix: str, args: argparse.Namespace) -> files.Converted:
    from pqmim_jax.coding import PqmError, TruncatedFileError, unpack
    from pqmim_jax.images import Picture, encode_picture

    data = source.read()
    try:
        decoded = codec.decode(
            data,
            allow_truncated=args.allow_truncated,
            fill=args.fill,
            temperature=args.temperature,
            seed=args.seed,
            max_pixels=args.max_pixels,
        )
    except TruncatedFileError as error:
        hint = "" if args.allow_truncated else " (--allow-truncated shows what is there)"
        raise CommandError(f"{source}: {error}{hint}") from error
    except PqmError as error:
        raise CommandError(f"{source}: {error}") from error
    if decoded.damage is not None:
        warnings.warn(decoded.damage, stacklevel=1)
    if not decoded.decoder_matches:
        warnings.warn(other_decoder(unpack(data)[0], codec.model), stacklevel=1)
    picture = Picture(decoded.pixels, decoded.icc_profile, decoded.exif)
    height, width = decoded.pixels.shape[:2]
    return files.Converted(encode_picture(picture, suffix), f"{width} x {height} pixels")
