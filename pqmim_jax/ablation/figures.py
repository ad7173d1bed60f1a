"""The figures of an ablation, as SVG for the page and PNG beside it (matplotlib)."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pqmim_jax.ablation.grid import series_of
from pqmim_jax.ablation.groups import Group
from pqmim_jax.ablation.statistics import Estimate, paired
from pqmim_jax.images import write_atomically
from pqmim_jax.masking.drawing import draw_panels
from pqmim_jax.masking.panels import panels_of

# Okabe and Ito 2008: told apart by colour-blind readers too; markers for print.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#999999")
_MARKERS = "osD^vPX*"
_MOST_CELLS_LABELLED = 400


class FigureError(ImportError):
    """Figures cannot be drawn."""


def plotting():
    """The module `matplotlib.pyplot`, set up to draw the same bytes each time.

    Raises:
      FigureError: matplotlib is not installed.
    """
    try:
        import matplotlib
    except ImportError as error:
        raise FigureError('figures need matplotlib: pip install "pqmim-jax[ablate]"') from error
    matplotlib.use("agg")
    from matplotlib import pyplot

    pyplot.rcParams.update(
        {"svg.hashsalt": "pqmim", "font.size": 9, "axes.grid": True, "grid.alpha": 0.3}
        | {"axes.spines.top": False, "axes.spines.right": False, "figure.constrained_layout.use": 1}
    )
    return pyplot


def bits_against_stages(groups: Sequence[Group], base: Group, options: dict, path: Path) -> None:
    """A curve for each series of schedules, with bands: bits, and percent above a reference.

    Pictures differ more from each other than schedules do. So bands are intervals of the paired
    differences from the reference, around the reference's mean: what pictures have in common with
    themselves is gone, and the reference has no band.

    Args:
      groups: of one training and one window.
      base: the reference, one of them.
      options: of `statistics.estimate`.
      path: of the figure, without suffix.
    """
    plt = plotting()
    figure, axes = plt.subplots(figsize=(9.5, 4.6))
    mean = base.bits_per_index.mean()
    for number, (series, members) in enumerate(_by_series(groups).items()):
        stages = [group.cell.stages for group in members]
        more = [_difference(group, base, options) for group in members]
        _curve(axes, stages, more, mean, label=series, **_style(number))
    counts = sorted({group.cell.stages for group in groups})
    axes.set_xscale("log", base=2)
    axes.set_xticks(counts, [str(count) for count in counts])
    axes.minorticks_off()
    axes.set_xlabel("stages S")
    axes.set_ylabel("bits an index")
    percent = (lambda bits: 100 * (bits / mean - 1), lambda more: mean * (1 + more / 100))
    axes.secondary_yaxis("right", functions=percent).set_ylabel(f"% above {base.cell.schedule}")
    figure.legend(fontsize=8, loc="outside lower center", ncols=4, frameon=False)
    _save(figure, path)


def _difference(group: Group, base: Group, options: dict) -> Estimate:
    shared = [seed for seed in group.seeds if seed in base.seeds]
    return paired(group.of_seeds(shared), base.of_seeds(shared), **options)


def _curve(axes, stages: list[int], values: list[Estimate], offset: float, **style) -> None:
    """Means over stages, with a band; a point with a bar where there is one of them only."""
    mean, low, high = (
        np.array([getattr(each, name) for each in values]) + offset
        for name in ("mean", "low", "high")
    )
    axes.plot(stages, mean, **style)
    if len(stages) > 1:
        axes.fill_between(stages, low, high, color=style["color"], alpha=0.12, linewidth=0)
    else:
        axes.vlines(stages, low, high, color=style["color"], alpha=0.4)


def bits_of_each_stage(groups: Sequence[Group], path: Path) -> None:
    """What an index costs in each stage; arguments as `bits_against_stages`."""
    plt = plotting()
    figure, axes = plt.subplots(figsize=(7.5, 4.2))
    for number, group in enumerate(of_most_stages(groups)):
        stages = np.arange(1, group.cell.stages + 1)
        axes.plot(stages, group.stage_bits, label=group.cell.schedule, **_style(number))
    longest = max(group.cell.stages for group in groups)
    axes.set_xscale("log" if longest > 32 else "linear")
    axes.set_xlabel("stage")
    axes.set_ylabel("bits an index of the stage")
    axes.legend(fontsize=8, loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False)
    _save(figure, path)


def schedules_times_trainings(
    rows: Sequence[str], columns: Sequence[str], bits: np.ndarray, path: Path
) -> None:
    """Heat map of bits an index: a row for each schedule, a column for each training.

    Args:
      rows: names of schedules.
      columns: names of trainings.
      bits: float (rows, columns), nan where nothing is measured.
      path: of the figure, without suffix.
    """
    plt = plotting()
    names = [name.replace(", ", "\n") for name in columns]
    longest = max(len(line) for name in names for line in name.split("\n"))
    size = (4.2 + max(1.2, 0.075 * longest) * len(columns), 1.6 + 0.24 * len(rows))
    figure, axes = plt.subplots(figsize=size)
    image = axes.imshow(bits, cmap="viridis_r", aspect="auto")
    axes.grid(False)
    axes.set_xticks(range(len(columns)), names)
    axes.set_yticks(range(len(rows)), rows)
    axes.tick_params(length=0, labelsize=8, labeltop=True, labelbottom=False)
    if bits.size <= _MOST_CELLS_LABELLED:
        middle = (np.nanmin(bits) + np.nanmax(bits)) / 2
        for (row, column), value in np.ndenumerate(bits):
            colour = "white" if value > middle else "black"
            text = "" if np.isnan(value) else f"{value:.3f}"
            axes.text(column, row, text, ha="center", va="center", color=colour, fontsize=8)
    figure.colorbar(image, ax=axes, label="bits an index")
    _save(figure, path)


def pictures_of(schedules: Sequence[str], grid: tuple[int, int, int], path: Path) -> None:
    """PNG of the stages of each schedule on one window; `path` without suffix."""
    panels = [panel for schedule in schedules for panel in panels_of(schedule, grid)]
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path.with_suffix(".png"), draw_panels(panels), overwrite=True)


def of_most_stages(groups: Sequence[Group]) -> list[Group]:
    """The group of most stages of each series."""
    return [members[-1] for members in _by_series(groups).values()]


def _by_series(groups: Sequence[Group]) -> dict[str, list[Group]]:
    """Groups of each series by their number of stages."""
    series: dict[str, list[Group]] = {}
    for group in groups:
        series.setdefault(series_of(group.cell.schedule), []).append(group)
    return {name: sorted(each, key=lambda g: g.cell.stages) for name, each in series.items()}


def _style(number: int) -> dict:
    colour = _COLOURS[number % len(_COLOURS)]
    line = ("-", "--", ":")[number // len(_COLOURS) % 3]
    marker = _MARKERS[number % len(_MARKERS)]
    return {"color": colour, "linestyle": line, "marker": marker, "markersize": 4}


def _save(figure, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path.with_suffix(".svg"), metadata={"Date": None})
    figure.savefig(path.with_suffix(".png"), dpi=120)
    plotting().close(figure)
