"""The page of an ablation: figures and tables together, as Markdown and as HTML."""

import html
import shlex
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pqmim_jax.ablation import figures
from pqmim_jax.ablation.grid import factor_columns
from pqmim_jax.ablation.groups import Group, grouped
from pqmim_jax.ablation.tables import Results, comparisons, reference_group
from pqmim_jax.images import write_atomically

_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:62rem;margin:2rem auto;padding:0 1rem;"
    "color:#202024}img{max-width:100%}table{border-collapse:collapse;font-size:13px}"
    "td,th{padding:.2rem .6rem;border-bottom:1px solid #ddd;text-align:right}"
    "td:first-child,th:first-child{text-align:left}pre{background:#f4f4f6;padding:.6rem;"
    "overflow-x:auto}.wide{overflow-x:auto}"
)


def write_page(config, results: Results, reference: str, command: Sequence[str], folder: Path):
    """Draws the figures and writes report.md and index.html; all cells may not be there yet.

    Args:
      reference: canonical schedule that others are compared with.
      command: the command line that makes the tables and this page.

    Raises:
      FigureError: matplotlib is not installed.
    """
    groups = grouped(results)
    blocks = [("heading", "Masks and schedules: what indices cost")]
    blocks += [("text", _summary(config, results)), ("code", shlex.join(command))]
    blocks += _blocks_of_figures(config, groups, reference, results, folder / "figures")
    rows = sorted(comparisons(config, results, reference), key=lambda row: row["bits_per_index"])
    blocks += [("heading", "All combinations, the cheapest first"), ("table", _table(config, rows))]
    blocks.append(("text", _explanation(config, reference)))
    write_atomically(folder / "report.md", _markdown(blocks).encode(), overwrite=True)
    write_atomically(folder / "index.html", _html(blocks).encode(), overwrite=True)


def _blocks_of_figures(config, groups, reference: str, results: Results, folder: Path) -> list:
    base = reference_group(config, groups, reference) or groups[0]
    alike = [g for g in groups if g.training == base.training and g.cell.window == base.cell.window]
    options = {"confidence": config.ablation.confidence, "resamples": config.ablation.resamples}
    figures.bits_against_stages(alike, base, options | {"seed": config.seed}, folder / "stages")
    figures.bits_of_each_stage(alike, folder / "each_stage")
    rows, columns, bits = _heat_map(config, groups, base.cell.window)
    figures.masks_times_schedules(rows, columns, bits, folder / "masks_and_schedules")
    m = round(results[0][1]["images"][0]["indices"] / _tokens(results[0][1]))
    shown = list(dict.fromkeys(group.cell.schedule for group in alike))
    figures.pictures_of(shown, (base.cell.window, base.cell.window, m), folder / "schedules")
    trained = _training_name(config, base)
    return [
        ("heading", "Bits against stages"),
        (
            "text",
            f"Trained with {trained}; bands are confidence intervals, on the right of "
            "paired differences: same seed, same picture.",
        ),
        ("figure", ("figures/stages.svg", "Bits an index against the number of stages")),
        ("heading", "Bits of each stage"),
        ("figure", ("figures/each_stage.svg", "Bits an index in each stage of the schedules")),
        ("heading", "Training masks and coding schedules"),
        ("figure", ("figures/masks_and_schedules.svg", "Bits an index, trainings x schedules")),
        ("heading", "The schedules"),
        ("figure", ("figures/schedules.png", "In which stage each token of a window is coded")),
    ]


def _tokens(result: dict) -> int:
    return result["images"][0]["tokens"]


def _heat_map(config, groups: Sequence[Group], window: int):
    """Names of trainings, schedules, and (trainings, schedules) bits an index."""
    groups = [group for group in groups if group.cell.window == window]
    rows = list(dict.fromkeys(_training_name(config, group) for group in groups))
    columns = list(dict.fromkeys(group.cell.schedule for group in groups))
    bits = np.full((len(rows), len(columns)), np.nan)
    for group in groups:
        place = rows.index(_training_name(config, group)), columns.index(group.cell.schedule)
        bits[place] = group.bits_per_index.mean()
    return rows, columns, bits


def _training_name(config, group: Group) -> str:
    columns = factor_columns(config)
    values = group.cell.training.factors
    return ", ".join(f"{columns[key]} {value}" for key, value in values.items())


def _summary(config, results: Results) -> str:
    trained = {cell.training.key for cell, _ in results}
    images = results[0][1]["images"]
    made = results[0][1]["provenance"]
    commit = f", commit {made['git_commit'][:12]}" if made["git_commit"] else ""
    return (
        f"{len(trained)} MIMs of {config.mim.depth} layers and {config.mim.width} channels, each "
        f"trained for {config.mim_training.steps} steps on codes of "
        f"{config.mim_training.autoencoder!r}; {len(results)} cells, measured on {len(images)} "
        f"held-out pictures. {made['device']}, jax {made['jax_version']}{commit}. Made by:"
    )


def _explanation(config, reference: str) -> str:
    return (
        "Bits an index is the mean over pictures and seeds of ideal code lengths under the integer "
        "tables of the codec's own coding loop. Low and high end the "
        f"{config.ablation.confidence:.0%} interval of a bootstrap that resamples seeds and "
        "pictures independently; the difference is paired, same seed and picture, with "
        f"{reference} under the first training factors; lower says in which share of the pairs "
        "the combination takes fewer bits. SD is the standard deviation of the seeds' means. With "
        "two or three seeds the intervals say little about training variance: compare SD."
    )


def _table(config, rows: Sequence[dict]) -> list[list[str]]:
    factors = list(factor_columns(config).values())
    names = ["schedule", *factors, "S", "window", "bits", "low", "high", "SD"]
    table = [[*names, "difference %", "low %", "high %", "lower"]]
    for row in rows:
        line = [row["schedule"], *(str(row[name]) for name in factors)]
        line += [str(row["stages"]), str(row["window"])]
        values = [row[f"bits_per_index{end}"] for end in ("", "_low", "_high")]
        line += [f"{value:.4f}" for value in (*values, row["seed_deviation"])]
        if "difference" in row:
            scale = row["difference_percent"] / row["difference"] if row["difference"] else 0.0
            ends = [row[f"difference{end}"] * scale for end in ("", "_low", "_high")]
            line += [f"{value:+.2f}" for value in ends]
            line.append(f"{row['share_of_pairs_lower']:.0%}")
        table.append(line + [""] * (len(table[0]) - len(line)))
    return table


def _markdown(blocks: Sequence[tuple]) -> str:
    parts = []
    for number, (kind, value) in enumerate(blocks):
        if kind == "heading":
            parts.append(f"{'#' if number == 0 else '##'} {value}")
        elif kind == "code":
            parts.append(f"```sh\n{value}\n```")
        elif kind == "figure":
            parts.append(f"![{value[1]}]({value[0]})")
        elif kind == "table":
            lines = [f"| {' | '.join(line).replace('*', chr(92) + '*')} |" for line in value]
            parts.append("\n".join([lines[0], "| " + "--- | " * len(value[0]), *lines[1:]]))
        else:
            parts.append(value)
    return "\n\n".join(parts) + "\n"


def _html(blocks: Sequence[tuple]) -> str:
    title = html.escape(blocks[0][1])
    body = "\n".join(_html_block(number == 0, *block) for number, block in enumerate(blocks))
    return (
        f'<!doctype html>\n<html lang="en">\n<head><meta charset="utf-8"><title>{title}</title>\n'
        '<meta name="viewport" content="width=device-width">\n'
        f"<style>{_STYLE}</style></head>\n<body>\n{body}\n</body>\n</html>\n"
    )


def _html_block(first: bool, kind: str, value) -> str:
    if kind == "heading":
        tag = "h1" if first else "h2"
        return f"<{tag}>{html.escape(value)}</{tag}>"
    if kind == "code":
        return f"<pre>{html.escape(value)}</pre>"
    if kind == "figure":
        return f'<p><img src="{value[0]}" alt="{html.escape(value[1])}"></p>'
    if kind == "table":
        head, *rows = [[html.escape(cell) for cell in line] for line in value]
        lines = [f"<tr><th>{'</th><th>'.join(head)}</th></tr>"]
        lines += [f"<tr><td>{'</td><td>'.join(row)}</td></tr>" for row in rows]
        return '<div class="wide"><table>\n' + "\n".join(lines) + "\n</table></div>"
    return f"<p>{html.escape(value)}</p>"
