"""`pqmim info`: what a `.pqm` file says of itself, and where its bytes go."""

import argparse
import json
from dataclasses import dataclass

from pqmim_jax.cli import options
from pqmim_jax.cli.errors import CommandError
from pqmim_jax.cli.sources import Source

_EPILOG = """\
examples:
  pqmim info photo.pqm
  pqmim info photo.pqm --stages

The header is read at once, without a model. --stages decodes the whole file to know the bits of
each stage, and so also checks it for damage.
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
    parser.add_argument(
        "--stages",
        action="store_true",
        help="decode the file: the bits of each stage, and whether all is as it was written",
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of text")


def run(args: argparse.Namespace) -> int:
    """Prints the facts of one file."""
    from pqmim_jax.coding import PqmError

    source = Source.of(args.file)
    data = source.read()
    try:
        facts = describe_header(data, args.model)
        if args.stages:
            facts |= describe_stages(options.load_codec(args), data)
    except PqmError as error:
        raise CommandError(f"{source}: {error}") from error
    print(json.dumps(facts, indent=1) if args.json else _as_text(facts))
    return 0


def describe_header(data: bytes, model: str | None = None) -> dict:
    """What a file says of itself, as plain values.

    Args:
      model: that it is to be seen with; default: the packaged one of its fingerprint and decoder,
        or of its fingerprint. "model", "qualities" and "schedule" are None where there is none.

    Raises:
      PqmError: it is no .pqm file, or its header is damaged.
    """
    from pqmim_jax.coding import CRC_BYTES, unpack

    header, payload = unpack(data)
    known = _model_of(header, model)
    return {
        "width": header.width,
        "height": header.height,
        "quality": header.quality,
        "qualities": known and known.qualities,
        "grey": header.grey,
        "shrink": header.shrink,
        "schedule": header.schedule or (known and known.schedule),
        "stages_sent": header.stages,
        "check_period": header.check_period,
        "model": known and known.name,
        "fingerprint": f"{header.fingerprint:08x}",
        "decoder": f"{header.decoder:04x}",
        "decoder_matches": known and known.decoder == header.decoder,
        "bytes": len(data),
        "bpp": 8 * len(data) / (header.width * header.height),
        "header_bytes": len(data) - len(payload.data),
        "attachment_bytes": {each.name: each.length + CRC_BYTES for each in header.attachments},
    }


@dataclass(frozen=True)
class _Known:
    """A model, as far as `info` speaks of it."""

    name: str
    fingerprint: int
    decoder: int
    qualities: int
    schedule: str


def _model_of(header, name: str | None) -> _Known | None:
    from pqmim_jax.model_store import packaged_names

    found = None
    for each in packaged_names() if name is None else [name]:
        known = _known(each)
        if known.fingerprint == header.fingerprint:
            if known.decoder == header.decoder:
                return known
            found = found or known
    return found


def _known(name: str) -> _Known:
    from pqmim_jax import masking
    from pqmim_jax.loading import is_exported
    from pqmim_jax.model_store import summary

    if is_exported(name):
        from pqmim_jax.runtime.model import load_exported

        model = load_exported(name)
    else:
        model = summary(name)
    return _Known(
        model.name,
        model.fingerprint,
        model.decoder,
        model.config["autoencoder"]["num_codebooks"],
        masking.canonical(model.config["codec"]["schedule"]),
    )


def describe_stages(codec, data: bytes) -> dict:
    """What only decoding tells, as plain values; raises as `Codec.info`.

    `coder_overhead_bytes` is what the payload holds beyond the stages' ideal bits: checksums,
    coder states and rounding.
    """
    from pqmim_jax.coding import CRC_BYTES, unpack

    info = codec.info(data)
    header, payload = unpack(data)
    stage_bits = [float(bits) for bits in info.stage_bits]
    coded = len(payload.data) - sum(each.length + CRC_BYTES for each in header.attachments)
    return {
        "stages_sent": header.stages or len(stage_bits),
        "coder_overhead_bytes": coded - sum(stage_bits) / 8,
        "stage_bits": stage_bits,
    }


def _as_text(facts: dict) -> str:
    colour = "grey" if facts["grey"] else "colour"
    known = facts["model"] is not None
    of = f" of {facts['qualities']}" if known else ""
    lines = [
        f"picture    {facts['width']} x {facts['height']} pixels, {colour}",
        f"quality    {facts['quality']}{of}",
        f"schedule   {facts['schedule'] or 'the default one of its model'}",
        f"model      {facts['model'] or _elsewhere(facts)} "
        f"(fingerprint {facts['fingerprint']}, decoder {facts['decoder']})",
        f"size       {facts['bytes']} bytes, {facts['bpp']:.4f} bpp",
        f"header     {facts['header_bytes']} bytes",
    ]
    if facts["shrink"] > 1:
        lines.insert(1, f"coded      {facts['shrink']} times smaller on each side")
    if known and not facts["decoder_matches"]:
        lines.append(f"decoder    another one than that of {facts['model']}")
    for name, size in facts["attachment_bytes"].items():
        lines.append(f"{name:<10} {size} bytes")
    return "\n".join([*lines, *_stage_lines(facts)])


def _elsewhere(facts: dict) -> str:
    """What there is to say of the model of a file that is not here."""
    from pqmim_jax.coding import VERSION, released_model

    digests = (int(facts[name], 16) for name in ("fingerprint", "decoder"))
    model = released_model(VERSION, *digests)
    if model is None:
        return "not one of those here"
    if model.last_version is None:
        return f"{model.name}, not the one given"
    return f"{model.name} of pqmim_jax {model.last_version}, not one of those here"


def _stage_lines(facts: dict) -> list[str]:
    sent = facts["stages_sent"]
    if "stage_bits" not in facts:
        return [] if sent is None else [f"hybrid     {sent} of its stages, the rest is imagined"]
    lines = [f"overhead   {facts['coder_overhead_bytes']:.1f} bytes of checksums and coder"]
    count = len(facts["stage_bits"])
    if sent < count:
        lines.append(f"hybrid     {sent} of {count} stages, the rest is imagined")
    for stage, bits in enumerate(facts["stage_bits"][:sent], start=1):
        share = bits / (8 * facts["bytes"])
        lines.append(f"stage {stage:<4} {bits / 8:.1f} bytes, {share:.1%} of the file")
    return lines
