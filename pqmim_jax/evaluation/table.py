"""A document as tables for people."""

from pqmim_jax.evaluation.comparison import curve_of
from pqmim_jax.evaluation.metrics import psnr_at_rate
from pqmim_jax.evaluation.schema import CodecResult, Comparison, Document, SettingResult

_UNITS = {"psnr": "dB", "ms_ssim": "dB", "lpips": ""}


def to_tables(document: Document, reference: str) -> str:
    """A table for each codec, then the differences from `reference`."""
    known = {codec["name"]: codec for codec in document["codecs"]}
    parts = [_codec_table(codec, known.get(reference)) for codec in document["codecs"]]
    if document["bd"]:
        parts.append(_comparison_table(document["bd"]))
    return "\n\n".join(parts)


def _codec_table(codec: CodecResult, reference: CodecResult | None) -> str:
    settings = codec["settings"]
    columns = {
        "setting": [s["setting"] for s in settings],
        "bytes": _cells(settings, "bytes", ".0f"),
        "bpp": _cells(settings, "bpp", ".4f"),
        "PSNR dB": _cells(settings, "psnr", ".2f"),
        "MS-SSIM": _cells(settings, "ms_ssim", ".4f"),
        "LPIPS": _cells(settings, "lpips", ".4f"),
        "FID": [_cell(s["fid"], ".2f") for s in settings],
        "KID": [_cell(s["kid"], ".5f") for s in settings],
        "MIM saves": [_saving(s) for s in settings],
        "encode s": _cells(settings, "encode_seconds", ".2f"),
        "decode s": _cells(settings, "decode_seconds", ".2f"),
    }
    if reference is not None and reference is not codec:
        curve = curve_of(reference, "psnr")
        columns[f"{reference['name']} dB at bpp"] = [_at_rate(s, curve) for s in settings]
    optional = ("MS-SSIM", "LPIPS", "FID", "KID", "MIM saves")
    shown = {n: cells for n, cells in columns.items() if n not in optional or any(cells)}
    pictures = f"{settings[0]['images']} pictures"
    return f"{codec['label']} ({codec['name']}), {pictures}\n{_aligned(shown)}"


def _cells(settings: list[SettingResult], name: str, form: str) -> list[str]:
    return [_cell(setting["means"][name], form) for setting in settings]


def _cell(value: float | None, form: str) -> str:
    return "" if value is None else format(value, form)


def _saving(setting: SettingResult) -> str:
    """How many of the bits under fixed codeword frequencies the MIM makes needless."""
    ideal, static = setting["means"]["ideal_bits"], setting["means"]["static_bits"]
    return f"{1 - ideal / static:.1%}" if ideal is not None and static else ""


def _at_rate(setting: SettingResult, curve: list[tuple[float, float]]) -> str:
    return _cell(psnr_at_rate(setting["means"]["bpp"], curve) if curve else None, ".2f")


def _comparison_table(rows: list[Comparison]) -> str:
    columns = {
        "codec": [row["other"] for row in rows],
        "metric": [row["metric"] for row in rows],
        "BD-rate": [_cell(row["bd_rate"], "+.1%") for row in rows],
        "BD-quality": [_difference(row) for row in rows],
        "over": [_overlap(row) for row in rows],
    }
    table = _aligned(columns).splitlines()
    said = [
        table[0],
        *(f"{a}  {b['note'] or ''}".rstrip() for a, b in zip(table[1:], rows, strict=True)),
    ]
    return f"Against {rows[0]['reference']} (BD-rate below zero: fewer bits)\n" + "\n".join(said)


def _difference(row: Comparison) -> str:
    if row["bd_quality"] is None:
        return ""
    form = "+.4f" if row["metric"] == "lpips" else "+.2f"
    return f"{row['bd_quality']:{form}} {_UNITS[row['metric']]}".strip()


def _overlap(row: Comparison) -> str:
    if row["overlap"] is None:
        return ""
    form = ".3f" if row["metric"] == "lpips" else ".2f"
    low, high = (format(end, form) for end in row["overlap"])
    return f"{low} to {high} {_UNITS[row['metric']]}".strip()


def _aligned(columns: dict[str, list[str]]) -> str:
    widths = [max(map(len, [name, *cells])) for name, cells in columns.items()]
    rows = [list(columns), *zip(*columns.values(), strict=True)]
    return "\n".join(
        "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True))
        for row in rows
    )
