"""Schedules as text for a terminal: cells of 24-bit colour, or plain numbers without colour."""

import numpy as np

from pqmim_jax.masking.panels import Panel, stage_colour, text_colour

_RESET = "\x1b[0m"


def panel_lines(panel: Panel, *, colour: bool) -> list[str]:
    """Title, one line for each row of the grid, and how many indices are known after the stages.

    Args:
      colour: with ANSI escapes for 24-bit colours; without, a line is plain ASCII.
    """
    count = len(panel.known)
    width = len(str(count - 1)) + 1
    rows = [
        "".join(_cell(int(stage), count, width, colour) for stage in row) for row in panel.stages
    ]
    return [panel.title, *rows, _legend(panel.known)]


def _cell(stage: int, count: int, width: int, colour: bool) -> str:
    text = f"{stage:>{width}}"
    if not colour:
        return text
    background = stage_colour(stage, count)
    letters = ";".join(map(str, text_colour(background)))
    return f"\x1b[38;2;{letters};48;2;{';'.join(map(str, background))}m{text}{_RESET}"


def _legend(known: np.ndarray) -> str:
    count = len(known)
    shown = range(count) if count <= 16 else np.linspace(0, count - 1, 8).astype(int)
    numbers = " ".join(f"{known[stage]}" for stage in shown)
    which = "each stage" if count <= 16 else "stages " + " ".join(map(str, shown))
    return f"{count} stages; known after {which}: {numbers}"
