"""`pqmim info`: what a `.pqm` file holds and where its bytes go."""

import argparse
import json

from pqmim_jax.cli import options
from pqmim_jax.cli.errors import CommandError
from pqmim_jax.cli.sources import Source

_EPILOG = """\
example:
  pqmim info photo.pqm

The whole file is decoded to know the bits of each stage, so this also checks it for damage.
"""


def add_parser(subparsers) -> None:
    """Adds the command."""
    parser = options.add_command(
        subparsers,
        "info",
        run,
        summary="show what a .pqm file holds and where its bytes go",
        epilog=_EPILOG,
    )
    parser.add_argument(
        "file", metavar="FILE", help=".pqm file, or - for standard input"
    ).complete = "file"
    options.add_model(parser)
    parser.add_argument("--json", action="store_true", help="print JSON instead of text")


def run(args: argparse.Namespace) -> int:
    """Prints the facts of one file."""
    from pqmim_jax.coding import PqmError

    source = Source.of(args.file)
    with source.open() as file:
        data = file.read()
    codec = options.load_codec(args)
    try:
        facts = describe(codec, data)
    except PqmError as error:
        raise CommandError(f"{source}: {error}") from error
    print(json.dumps(facts, indent=1) if args.json else _as_text(facts))
    return 0


def describe(codec, data: bytes) -> dict:
    """Facts of a file as plain values; raises as `Codec.info`.

    `coder_overhead_bytes` is what the payload holds beyond the stages' ideal bits: checksum,
    coder states and rounding.
    """
    from pqmim_jax.coding import unpack

    info = codec.info(data)
    header, payload = unpack(data)
    stage_bits = [float(bits) for bits in info.stage_bits]
    return {
        "width": header.width,
        "height": header.height,
        "quality": header.quality,
        "qualities": codec.qualities,
        "schedule": info.schedule,
        "model": codec.model.name,
        "fingerprint": f"{header.fingerprint:04x}",
        "bytes": info.bytes,
        "bpp": 8 * info.bytes / (header.width * header.height),
        "header_bytes": len(data) - len(payload.data),
        "coder_overhead_bytes": len(payload.data) - sum(stage_bits) / 8,
        "stage_bits": stage_bits,
    }


def _as_text(facts: dict) -> str:
    lines = [
        f"picture    {facts['width']} x {facts['height']} pixels",
        f"quality    {facts['quality']} of {facts['qualities']}",
        f"schedule   {facts['schedule']}",
        f"model      {facts['model']} (fingerprint {facts['fingerprint']})",
        f"size       {facts['bytes']} bytes, {facts['bpp']:.4f} bpp",
        f"overhead   {facts['header_bytes']} bytes of header, "
        f"{facts['coder_overhead_bytes']:.1f} of checksum and coder",
    ]
    for stage, bits in enumerate(facts["stage_bits"], start=1):
        share = bits / (8 * facts["bytes"])
        lines.append(f"stage {stage:<4} {bits / 8:.1f} bytes, {share:.1%} of the file")
    return "\n".join(lines)
