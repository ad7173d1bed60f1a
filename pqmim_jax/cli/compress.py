"""`pqmim compress`: pictures to `.pqm` files."""

import argparse
import warnings

from pqmim_jax.cli import files, options
from pqmim_jax.cli.errors import CommandError
from pqmim_jax.cli.sources import Source

SUFFIX = ".pqm"
_EPILOG = """\
examples:
  pqmim compress photo.jpg                            writes photo.pqm, the best picture
  pqmim compress photo.jpg --target-bytes 5000        the best file of at most 5000 bytes
  pqmim compress photo.jpg -o tiny.pqm --quality 1    the smallest file of the full size
  pqmim compress *.png -o compressed/                 a folder of files
  pqmim compress photos/ -o compressed/               every picture below photos/, mirrored
  pqmim compress - < photo.jpg > photo.pqm            in a pipeline

The file can only be opened again with the same model. Pictures are turned upright as their EXIF
orientation says, and converted to sRGB if they have another colour profile. Transparency is kept
without loss. Samples of 16 bits become 8, CMYK becomes RGB, of an animation or several pages the
first is taken.
"""
_SEARCHES = ("target_bytes", "target_bpp")
_CHOICES = ("quality", "rate_weight", "stages", "shrink", "refinement_steps")


def add_parser(subparsers) -> None:
    """Adds the command."""
    parser = options.add_command(
        subparsers,
        "compress",
        run,
        summary="make .pqm files of pictures",
        epilog=_EPILOG,
        any_runtime=True,
    )
    files.add_files(parser, "pictures (PNG, JPEG, WebP, TIFF, AVIF, ...)", SUFFIX)
    options.add_model(parser)
    _add_rate(parser)
    options.add_schedule(parser)
    parser.add_argument(
        "--keep-metadata",
        action="store_true",
        help="keep colour profile and EXIF data in the file (default: neither)",
    )
    options.add_max_pixels(parser)


def _add_rate(parser: argparse.ArgumentParser) -> None:
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
    size = parser.add_mutually_exclusive_group()
    size.add_argument(
        "--target-bytes",
        type=int,
        metavar="BYTES",
        help="the best picture in at most so many bytes: searches over quality, lambda and shrink",
    )
    size.add_argument("--target-bpp", type=float, metavar="BPP", help="the same, in bits per pixel")
    parser.add_argument(
        "--stages",
        type=int,
        metavar="K",
        help="send only the first K stages of the schedule; the decoder imagines the rest",
    )
    parser.add_argument(
        "--shrink",
        type=int,
        metavar="N",
        help="code the picture N times smaller on each side; it is enlarged again (default: 1)",
    )
    parser.add_argument(
        "--refine",
        dest="refinement_steps",
        type=int,
        metavar="N",
        help="decode the picture N times while codewords are chosen: a better picture, made more "
        "slowly; 0 is the fastest (default: the model's choice)",
    )


def run(args: argparse.Namespace) -> int:
    """Compresses every input."""
    from pqmim_jax.images import IMAGE_SUFFIXES

    _check_rate(args)
    jobs = files.plan(args, reads=IMAGE_SUFFIXES, writes=SUFFIX)
    options.check_schedule(args.schedule)
    codec = options.load_codec(args)
    options.check_quality(codec, args.quality)
    return files.convert_all(jobs, lambda source: _compress(codec, source, args), args)


def _check_rate(args: argparse.Namespace) -> None:
    search = next((name for name in _SEARCHES if getattr(args, name) is not None), None)
    chosen = next((name for name in _CHOICES if getattr(args, name) is not None), None)
    if search and chosen:
        chosen = {"rate_weight": "lambda", "refinement_steps": "refine"}.get(chosen, chosen)
        args.parser.error(f"argument --{search.replace('_', '-')}: not allowed with --{chosen}")
    if search and not getattr(args, search) > 0:
        args.parser.error(f"argument --{search.replace('_', '-')}: must be more than 0")


def _compress(codec, source: Source, args: argparse.Namespace) -> files.Converted:
    from pqmim_jax.images import read_picture

    with source.open() as file:
        picture = read_picture(file, keep_metadata=args.keep_metadata, max_pixels=args.max_pixels)
    try:
        encoded = _encode(codec, picture, args)
    except ValueError as error:
        raise CommandError(f"{source}: {error}") from error
    height, width = picture.pixels.shape[:2]
    bpp = 8 * len(encoded.data) / (height * width)
    return files.Converted(encoded.data, f"{len(encoded.data)} bytes  {bpp:.4f} bpp")


def _encode(codec, picture, args: argparse.Namespace):
    height, width = picture.pixels.shape[:2]
    shared = {
        "schedule": args.schedule,
        "icc_profile": picture.icc_profile,
        "exif": picture.exif,
    }
    target = args.target_bytes
    if args.target_bpp is not None:
        target = int(args.target_bpp * height * width / 8)
    if target is not None:
        return _encode_to_size(codec, picture, target, shared)
    return codec.encode(
        picture.pixels,
        quality=args.quality,
        rate_weight=args.rate_weight,
        stages=args.stages,
        shrink=1 if args.shrink is None else args.shrink,
        refinement_steps=args.refinement_steps,
        **shared,
    )


def _encode_to_size(codec, picture, target: int, shared: dict):
    encoded = codec.encode_to_size(picture.pixels, target, **shared)
    settings, size = encoded.settings, len(encoded.data)
    closest = (settings.quality, settings.rate_weight, settings.shrink) == (codec.qualities, 0, 1)
    if closest and size < target:
        warnings.warn(
            f"{target} bytes are out of reach: the largest file of this model has {size}",
            stacklevel=1,
        )
    return encoded
