"""The tables of an ablation: tidy rows as CSV and JSON lines.

`results` (a row a cell), `images` (a row a cell and picture), `comparisons` and `winners` hold
nothing that differs between two runs of the same code on the same machine; seconds are in `times`
alone.
"""

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pqmim_jax.ablation.grid import Cell, factor_columns, series_of
from pqmim_jax.ablation.groups import Group, grouped
from pqmim_jax.ablation.statistics import Estimate, estimate, paired
from pqmim_jax.ablation.winners import schedules_that_win
from pqmim_jax.images import write_atomically

Results = Sequence[tuple[Cell, dict]]


def write_tables(config, results: Results, reference: str, folder: Path) -> None:
    """Writes results.csv, results.jsonl, images.csv, comparisons.csv, winners.csv, times.csv."""
    columns = factor_columns(config)
    rows = [_identity(cell, columns) | _means(result) for cell, result in results]
    _write_csv(folder / "results.csv", rows)
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    write_atomically(folder / "results.jsonl", lines.encode(), overwrite=True)
    _write_csv(folder / "images.csv", [r for pair in results for r in _images(*pair, columns)])
    _write_csv(folder / "comparisons.csv", comparisons(config, results, reference))
    groups = grouped(results)
    base = reference_group(config, groups, reference)
    winners = schedules_that_win(groups, base, estimate_options(config)) if base else []
    _write_csv(folder / "winners.csv", winners)
    _write_csv(folder / "times.csv", [_times(cell, result, columns) for cell, result in results])


def comparisons(config, results: Results, reference: str) -> list[dict]:
    """A row for each combination of factors: its mean and its difference from the reference."""
    options = estimate_options(config)
    groups = grouped(results)
    base = reference_group(config, groups, reference)
    rows = []
    for group in groups:
        row = _factors(group.cell, factor_columns(config)) | {"seeds": len(group.seeds)}
        own = estimate(group.bits_per_index, **options)
        row |= _columns("bits_per_index", own) | {"seed_deviation": own.seed_deviation}
        shared = [seed for seed in group.seeds if base is not None and seed in base.seeds]
        if shared:
            ours, theirs = group.of_seeds(shared), base.of_seeds(shared)
            difference = paired(ours, theirs, **options)
            row |= _columns("difference", difference)
            row["difference_percent"] = 100 * difference.mean / theirs.mean()
            row["share_of_pairs_lower"] = float((ours < theirs).mean())
        rows.append(row)
    return rows


def estimate_options(config) -> dict:
    """Arguments of `statistics.estimate`."""
    options = config.ablation
    return {
        "confidence": options.confidence,
        "resamples": options.resamples,
        "seed": config.seed,
    }


def reference_group(config, groups: Sequence[Group], reference: str) -> Group | None:
    """The group that others are compared with, if it is measured already."""
    for group in groups:
        if group.cell.schedule == reference and group.cell.window == config.codec.window:
            return group  # the first training factors come first
    return None


def _identity(cell: Cell, columns: dict[str, str]) -> dict:
    return {"cell": cell.key} | _factors(cell, columns) | {"seed": cell.training.seed}


def _factors(cell: Cell, columns: dict[str, str]) -> dict:
    factors = {columns[key]: value for key, value in cell.training.factors.items()}
    coding = {"schedule": cell.schedule, "series": series_of(cell.schedule)}
    return factors | coding | {"stages": cell.stages, "window": cell.window}


def _means(result: dict) -> dict:
    images = result["images"]
    stage_bits = np.mean([image["stage_bits"] for image in images], axis=0)
    stage_indices = np.mean([image["stage_indices"] for image in images], axis=0)
    return {
        "images": len(images),
        "indices": sum(image["indices"] for image in images),
        "pixels": sum(image["pixels"] for image in images),
        "bits_per_index": float(np.mean([i["bits"] / i["indices"] for i in images])),
        "bits_per_pixel": float(np.mean([i["bits"] / i["pixels"] for i in images])),
        "frequency_bits_per_index": float(
            np.mean([i["frequency_bits"] / i["indices"] for i in images])
        ),
        "stage_bits": stage_bits.tolist(),  # of the mean picture
        "stage_indices": stage_indices.tolist(),
        **result["provenance"],
    }


def _images(cell: Cell, result: dict, columns: dict[str, str]) -> list[dict]:
    names = ("file", "pixels", "indices", "bits", "payload_bytes")
    identity = _identity(cell, columns)
    return [identity | {name: image[name] for name in names} for image in result["images"]]


def _times(cell: Cell, result: dict, columns: dict[str, str]) -> dict:
    seconds = {
        f"{kind}_seconds": _mean(
            [i["seconds"][kind] for i in result["images"] if kind in i["seconds"]]
        )
        for kind in ("encode", "decode")
    }
    return _identity(cell, columns) | seconds


def _mean(values: Sequence[float]) -> float | None:
    return float(np.mean(values)) if values else None


def _columns(name: str, value: Estimate) -> dict:
    return {name: value.mean, f"{name}_low": value.low, f"{name}_high": value.high}


def _write_csv(path: Path, rows: Sequence[dict]) -> None:
    names = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: _cell_text(value) for name, value in row.items()} for row in rows)
    write_atomically(path, text.getvalue().encode(), overwrite=True)


def _cell_text(value) -> str:
    """Nine digits, so that a table can be read; lists with spaces between; nothing for None."""
    if value is None:
        return ""
    if isinstance(value, list | tuple):
        return " ".join(map(_cell_text, value))
    return f"{value:.9g}" if isinstance(value, float) else str(value)
