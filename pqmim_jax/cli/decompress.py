"""`pqmim decompress`: `.pqm` files to pictures."""

import argparse
from pathlib import Path

from pqmim_jax.cli import files, options
from pqmim_jax.cli.errors import CommandError

SUFFIX = ".png"
_EPILOG = """\
examples:
  pqmim decompress photo.pqm                      writes photo.png
  pqmim decompress photo.pqm -o photo.webp        the suffix chooses the format
  pqmim decompress *.pqm -o pictures/             a folder of PNG files

PNG, WebP, TIFF, BMP and PPM hold the decoded picture exactly; JPEG (quality 95) nearly.
A damaged file, or another model than the one that made it, is an error, never a wrong picture.
"""


def add_parser(subparsers) -> None:
    """Adds the command."""
    parser = options.add_command(
        subparsers, "decompress", run, summary="make pictures of .pqm files", epilog=_EPILOG
    )
    files.add_files(parser, ".pqm files", SUFFIX)
    options.add_model(parser)
    options.add_force(parser)


def run(args: argparse.Namespace) -> int:
    """Decompresses every input."""
    from pqmim_jax.images import check_output_suffix

    pairs = files.plan_outputs(args.inputs, args.output, SUFFIX, force=args.force)
    for _, target in pairs:
        check_output_suffix(target.suffix)
    codec = options.load_codec(args)
    return files.for_each_file(pairs, lambda path, target: _decompress(codec, path, target, args))


def _decompress(codec, path: Path, target: Path, args: argparse.Namespace) -> None:
    from pqmim_jax.coding import PqmError
    from pqmim_jax.images import encode_image

    try:
        picture = codec.decompress(path.read_bytes())
    except PqmError as error:
        raise CommandError(f"{path}: {error}") from error
    height, width = picture.shape[:2]
    data = encode_image(picture, target.suffix)
    files.save(target, data, args, f"{path} -> {target}  {width} x {height} pixels")
