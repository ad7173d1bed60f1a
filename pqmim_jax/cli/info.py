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
        any_runtime=True,
    )
    options.add_pqm_file(parser)
    options.add_model(parser)
    parser.add_argument("--json", action="store_true", help="print JSON instead of text")


def run(args: argparse.Namespace) -> int:
    """Prints the facts of one file."""
    from pqmim_jax.coding import PqmError

    source = Source.of(args.file)
    data = source.read()
    codec = options.load_codec(args)
    try:
        facts = describe(codec, data)
    except PqmError as error:
        raise CommandError(f"{source}: {error}") from error
    print(json.dumps(facts, indent=1) if args.json else _as_text(facts))
    return 0


def describe(codec, data: bytes) -> dict:
    """Facts of a file as plain values; raises as `Codec.info`.

    `coder_overhead_bytes` is what the payload holds beyond the stages' ideal bits: checksums,
    coder states and rounding.
    """
    from pqmim_jax.coding import CRC_BYTES, unpack

    info = codec.info(data)
    header, payload = unpack(data)
    stage_bits = [float(bits) for bits in info.stage_bits]
    attachments = {each.name: each.length + CRC_BYTES for each in header.attachments}
    coded = len(payload.data) - sum(attachments.values())
    return {
        "width": header.width,
        "height": header.height,
        "quality": header.quality,
        "qualities": codec.qualities,
        "grey": header.grey,
        "shrink": header.shrink,
        "schedule": info.schedule,
        "stages_sent": header.stages or len(stage_bits),
        "check_period": header.check_period,
        "model": codec.model.name,
        "fingerprint": f"{header.fingerprint:08x}",
        "decoder": f"{header.decoder:04x}",
        "decoder_matches": header.decoder == codec.model.decoder,
        "bytes": info.bytes,
        "bpp": 8 * info.bytes / (header.width * header.height),
        "header_bytes": len(data) - len(payload.data),
        "attachment_bytes": attachments,
        "coder_overhead_bytes": coded - sum(stage_bits) / 8,
        "stage_bits": stage_bits,
    }


def _as_text(facts: dict) -> str:
    colour = "grey" if facts["grey"] else "colour"
    lines = [
        f"picture    {facts['width']} x {facts['height']} pixels, {colour}",
        f"quality    {facts['quality']} of {facts['qualities']}",
        f"schedule   {facts['schedule']}",
        f"model      {facts['model']} (fingerprint {facts['fingerprint']}, "
        f"decoder {facts['decoder']})",
        f"size       {facts['bytes']} bytes, {facts['bpp']:.4f} bpp",
        f"overhead   {facts['header_bytes']} bytes of header, "
        f"{facts['coder_overhead_bytes']:.1f} of checksums and coder",
    ]
    if facts["shrink"] > 1:
        lines.insert(1, f"coded      {facts['shrink']} times smaller on each side")
    if not facts["decoder_matches"]:
        lines.append(f"decoder    another one than that of {facts['model']}")
    for name, size in facts["attachment_bytes"].items():
        lines.append(f"{name:<10} {size} bytes")
    sent = facts["stages_sent"]
    if sent < len(facts["stage_bits"]):
        lines.append(
            f"hybrid     {sent} of {len(facts['stage_bits'])} stages, the rest is imagined"
        )
    for stage, bits in enumerate(facts["stage_bits"][:sent], start=1):
        share = bits / (8 * facts["bytes"])
        lines.append(f"stage {stage:<4} {bits / 8:.1f} bytes, {share:.1%} of the file")
    return "\n".join(lines)
