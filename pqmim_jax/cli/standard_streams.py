"""Bytes on standard input and output: what `-` means as a file name."""

import io
import os
import sys
from typing import BinaryIO

from pqmim_jax.cli.errors import CommandError

DASH = "-"
"""The argument that stands for standard input or output; a file of that name is `./-`."""
INPUT_NAME = "standard input"
OUTPUT_NAME = "standard output"


def open_input() -> BinaryIO:
    """All of standard input; its `name` is what messages call it."""
    file = io.BytesIO(sys.stdin.buffer.read())
    file.name = INPUT_NAME
    return file


def check_output() -> None:
    """CommandError if standard output is a terminal, which binary data would garble."""
    if sys.stdout.isatty():
        raise CommandError(
            f"{OUTPUT_NAME} is a terminal: send it to a file or a pipe, or name a file with -o"
        )


def write_output(data: bytes) -> None:
    """Writes all of `data` to standard output; CommandError if its reader has gone."""
    sys.stdout.flush()
    try:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    except BrokenPipeError as error:
        _discard_what_is_left()
        raise CommandError(f"{OUTPUT_NAME} was closed before all was written") from error


def _discard_what_is_left() -> None:
    # Python flushes its buffer once more when it exits, and would print a traceback of that.
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
