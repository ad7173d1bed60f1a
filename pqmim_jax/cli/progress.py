"""A progress bar on stderr, where that is a terminal, and lines printed beside it."""

import sys
from collections.abc import Iterable
from typing import TextIO


def with_progress(items: Iterable, total: int, name: str, *, hide: bool = False):
    """The items, with a bar on stderr if that is a terminal; nothing of it if `hide`."""
    try:
        from tqdm import tqdm
    except ModuleNotFoundError:  # nothing that the runtime without JAX would need
        return items
    return tqdm(items, name, total, leave=False, file=sys.stderr, disable=hide or None)


def print_line(line: str, file: TextIO) -> None:
    """Prints a whole line now, above the bar if there is one."""
    try:
        from tqdm import tqdm
    except ModuleNotFoundError:
        print(line, file=file, flush=True)
        return
    with tqdm.external_write_mode(file):
        print(line, file=file, flush=True)
