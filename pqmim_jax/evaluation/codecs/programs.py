"""Running another program on temporary files, with a time limit."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from pqmim_jax.evaluation.codecs.interface import CodecError

TIME_LIMIT_S = 300.0
"""A program that codes one picture for longer has failed."""

_VERSION_LIMIT_S = 10.0


def find_program(name: str) -> str | None:
    """Path of a program on PATH, or None."""
    return shutil.which(name)


def run_on_files(
    arguments: Callable[[Path, Path], Sequence], data: bytes, suffixes: tuple[str, str]
) -> bytes:
    """Hands a program a file and returns the file that it writes.

    Args:
      arguments: from the input's and the output's path to program and arguments.
      data: of the input.
      suffixes: of input and output: some programs go by them.

    Raises:
      CodecError: the program is not there, fails, exceeds the time limit, or writes nothing.
    """
    with tempfile.TemporaryDirectory(prefix="pqmim-") as folder:
        source, target = Path(folder, f"in{suffixes[0]}"), Path(folder, f"out{suffixes[1]}")
        source.write_bytes(data)
        _run([str(word) for word in arguments(source, target)])
        try:
            return target.read_bytes()
        except OSError as error:
            program = Path(arguments(source, target)[0]).name
            raise CodecError(f"{program} wrote no file") from error


def _run(command: list[str]) -> None:
    program = Path(command[0]).name
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=TIME_LIMIT_S,
        )
    except subprocess.TimeoutExpired:
        raise CodecError(f"{program} took over {TIME_LIMIT_S:g} s") from None
    except OSError as error:
        raise CodecError(f"{program}: {error.strerror}") from error
    if done.returncode:
        raise CodecError(f"{program} failed with code {done.returncode}{_last_line(done.stdout)}")


def version_of(program: str, option: str | None) -> str:
    """The first line that a program prints when it is asked for its version; "unknown" if none."""
    command = [program] if option is None else [program, option]
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=_VERSION_LIMIT_S,
            cwd=tempfile.gettempdir(),
        )
    except (OSError, subprocess.TimeoutExpired):
        return "unknown"
    lines = [line.strip() for line in done.stdout.decode(errors="replace").splitlines()]
    return next((line for line in lines if line), "unknown")


def _last_line(output: bytes) -> str:
    lines = output.decode(errors="replace").split(os.linesep)
    said = [line.strip() for line in lines if line.strip()]
    return f": {said[-1]}" if said else ""
