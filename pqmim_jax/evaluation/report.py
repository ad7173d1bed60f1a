"""What an evaluation found, as a JSON document and as a table for people."""

import json
import math
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import version

import jax

from pqmim_jax.codec import Codec
from pqmim_jax.evaluation.metrics import psnr_at_rate
from pqmim_jax.evaluation.run import Measurement, mean_by_quality

_PACKAGES = ("pqmim-jax", "jax", "jaxlib", "flax", "numpy", "pillow")


def build_report(
    codec: Codec,
    schedule: str,
    measurements: Sequence[Measurement],
    baselines: dict[str, list[dict]] | None = None,
    rate_weight: float | None = None,
) -> dict:
    """Everything measured, as plain Python values.

    Args:
      schedule: canonical spec of the coding order used.
      baselines: points of `baselines.measure` by format, or None where none were run.
      rate_weight: lambda asked for, or None where it was the model's for each quality.
    """
    report = {
        "model": codec.model.name,
        "fingerprint": f"{codec.model.fingerprint:04x}",
        "schedule": schedule,
        "rate_weight": rate_weight,
        "images": [asdict(m) for m in measurements],
        "mean": mean_by_quality(measurements),
        "environment": _environment(),
    }
    return report if baselines is None else {**report, "baselines": baselines}


def to_json(report: dict) -> str:
    """JSON text of a report; an infinite PSNR (equal pictures) becomes null."""
    return json.dumps(_finite(report), indent=1, allow_nan=False) + "\n"


def to_table(report: dict) -> str:
    """Means of each quality in columns, with the baselines' PSNR at the same mean rate.

    "MIM saves" is how many of the bits under fixed codeword frequencies the MIM makes needless.
    """
    baselines = report.get("baselines", {})
    header = ["quality", "bytes", "bpp", "PSNR dB", "MIM saves", "compress s", "decompress s"]
    header += [f"{name} dB at bpp" for name in baselines]
    rows = [_table_row(mean, baselines) for mean in report["mean"]]
    widths = [max(len(row[i]) for row in [header, *rows]) for i in range(len(header))]
    return "\n".join(
        "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True))
        for row in [header, *rows]
    )


def _table_row(mean: dict, baselines: dict[str, list[dict]]) -> list[str]:
    row = [
        str(mean["quality"]),
        f"{mean['bytes']:.0f}",
        f"{mean['bpp']:.4f}",
        f"{mean['psnr']:.2f}",
        f"{100 * (1 - mean['ideal_bits'] / mean['static_bits']):.1f}%",
        f"{mean['compress_seconds']:.2f}",
        f"{mean['decompress_seconds']:.2f}",
    ]
    for points in baselines.values():
        value = psnr_at_rate(mean["bpp"], [(p["bpp"], p["psnr"]) for p in points])
        row.append("" if value is None else f"{value:.2f}")
    return row


def _environment() -> dict:
    device = jax.devices()[0]
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "device": f"{device.platform} {device.device_kind}",
        "cores": os.cpu_count(),
        "packages": {name: version(name) for name in _PACKAGES},
    }


def _finite(value):
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
