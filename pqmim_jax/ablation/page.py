"""The page of an ablation: figures and tables together, as Markdown and as HTML."""

import shlex
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pqmim_jax.ablation import figures
from pqmim_jax.ablation.grid import factor_columns
from pqmim_jax.ablation.groups import Group, grouped
from pqmim_jax.ablation.rendering import html, markdown
from pqmim_jax.ablation.tables import Results, comparisons, estimate_options, reference_group
from pqmim_jax.ablation.winners import schedules_that_win, trainings_that_win
from pqmim_jax.images import write_atomically


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
    base = reference_group(config, groups, reference) or groups[0]
    blocks += _blocks_of_winners(config, groups, base)
    blocks += _blocks_of_figures(config, groups, base, results, folder / "figures")
    rows = sorted(comparisons(config, results, reference), key=lambda row: row["bits_per_index"])
    blocks += [("heading", "All combinations, the cheapest first"), ("table", _table(config, rows))]
    blocks.append(("text", _explanation(config, reference)))
    write_atomically(folder / "report.md", markdown(blocks).encode(), overwrite=True)
    write_atomically(folder / "index.html", html(blocks).encode(), overwrite=True)


def _blocks_of_winners(config, groups: Sequence[Group], base: Group) -> list:
    options = estimate_options(config)
    stages = [["S", "cheapest schedule", "bits", "second", "saves %", "than fewer stages %"]]
    for row in schedules_that_win(groups, base, options):
        line = [str(row["stages"]), row["schedule"], f"{row['bits_per_index']:.4f}"]
        ends = _with_interval(row, "ahead"), _with_interval(row, "gained")
        stages.append([*line, row["next_best"] or "(the only one)", *ends])
    names = {group.training: _training_name(config, group) for group in groups}
    trained = [["training", "bits", "saves %"]]
    for row in trainings_that_win(groups, base, options):
        saved = _with_interval(row, "gained") or "reference"
        trained.append([names[row["training"]], f"{row['bits_per_index']:.4f}", saved])
    return [
        ("heading", "What wins"),
        ("text", _context_text(groups, base)),
        ("text", f"Trained with {_training_name(config, base)}, the cheapest schedule at each S:"),
        ("table", stages),
        ("text", f"Coded with {base.cell.schedule}, the trainings, the cheapest first:"),
        ("table", trained),
        (
            "text",
            "What is saved is in percent of the reference's bits, over the same seeds and "
            f"pictures, with its {config.ablation.confidence:.0%} interval; one that holds 0 "
            "leaves open which one is cheaper. The winner was picked among several by these very "
            "numbers, so that its lead looks a little larger than it is.",
        ),
    ]


def _with_interval(row: dict, name: str) -> str:
    if row[name] is None:
        return ""
    low, high = row[f"{name}_low"], row[f"{name}_high"]
    return f"{row[name]:+.2f} [{low:+.2f}, {high:+.2f}]"


def _context_text(groups: Sequence[Group], base: Group) -> str:
    """What the reference saves, in words: against frequencies, and against no context."""
    bits, fixed = base.bits_per_index.mean(), base.frequency_bits.mean()
    text = (
        f"An index takes {bits:.4f} bits with the reference, {base.cell.schedule}, and {fixed:.4f} "
        f"under the fixed frequencies of the training set: {100 * (1 - bits / fixed):.1f}% saved"
    )
    alone = [g for g in groups if g.cell.schedule == "one_shot" and g.training == base.training]
    alone = [g for g in alone if g.cell.window == base.cell.window]
    if not alone or base.cell.schedule == "one_shot":
        return f"{text}."
    blind = alone[0].bits_per_index.mean()
    return (
        f"{text}. Without context from other tokens (one_shot) this MIM takes {blind:.4f}: "
        f"{100 * (1 - bits / blind):.1f}% are what the stages save."
    )


def _blocks_of_figures(config, groups, base: Group, results: Results, folder: Path) -> list:
    alike = [g for g in groups if g.training == base.training and g.cell.window == base.cell.window]
    figures.bits_against_stages(alike, base, estimate_options(config), folder / "stages")
    figures.bits_of_each_stage(alike, folder / "each_stage")
    rows, columns, bits = _heat_map(config, groups, base.cell.window)
    figures.schedules_times_trainings(rows, columns, bits, folder / "masks_and_schedules")
    m = round(results[0][1]["images"][0]["indices"] / _tokens(results[0][1]))
    shown = [group.cell.schedule for group in figures.of_most_stages(alike)]
    figures.pictures_of(shown, (base.cell.window, base.cell.window, m), folder / "schedules")
    trained = _training_name(config, base)
    return [
        ("heading", "Bits against stages"),
        (
            "text",
            f"Trained with {trained}; bands are {config.ablation.confidence:.0%} intervals of the "
            "differences from the reference, same seed and same picture.",
        ),
        ("figure", ("figures/stages.svg", "Bits an index against the number of stages")),
        ("heading", "Bits of each stage"),
        ("figure", ("figures/each_stage.svg", "Bits an index in each stage of the schedules")),
        ("heading", "Training masks and coding schedules"),
        ("figure", ("figures/masks_and_schedules.svg", "Bits an index, schedules x trainings")),
        ("heading", "The schedules"),
        ("text", "Of each curve the one of most stages; a panel shows one window of tokens."),
        ("figure", ("figures/schedules.png", "In which stage each token of a window is coded")),
    ]


def _tokens(result: dict) -> int:
    return result["images"][0]["tokens"]


def _heat_map(config, groups: Sequence[Group], window: int):
    """Names of schedules, of trainings, and (schedules, trainings) bits an index."""
    groups = [group for group in groups if group.cell.window == window]
    rows = list(dict.fromkeys(group.cell.schedule for group in groups))
    columns = list(dict.fromkeys(_training_name(config, group) for group in groups))
    bits = np.full((len(rows), len(columns)), np.nan)
    for group in groups:
        place = rows.index(group.cell.schedule), columns.index(_training_name(config, group))
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
