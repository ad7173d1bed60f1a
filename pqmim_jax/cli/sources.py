"""What a command reads: files, folders, patterns that the shell did not expand, `-`."""

import glob
import os
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import BinaryIO

from pqmim_jax.cli import standard_streams
from pqmim_jax.cli.errors import CommandError


@dataclass(frozen=True)
class Source:
    """One input; as a string, what messages call it."""

    path: Path | None  # None: standard input
    place: Path  # where an output folder holds what becomes of it, but for the suffix
    collected: bool = False  # found in a folder or by a pattern

    @classmethod
    def of(cls, argument: str) -> "Source":
        """The file that a command-line argument names, or standard input for `-`."""
        if argument == standard_streams.DASH:
            return cls(None, Path())
        return cls(Path(argument), Path(Path(argument).name))

    def __str__(self) -> str:
        """The path as it was given or found, or "standard input"."""
        return standard_streams.INPUT_NAME if self.path is None else str(self.path)

    def open(self) -> BinaryIO:
        """The bytes, as a binary file whose `name` is str(self); OSError if unreadable."""
        return standard_streams.open_input() if self.path is None else open(str(self), "rb")

    def read(self) -> bytes:
        """All bytes; OSError if unreadable."""
        with self.open() as file:
            return file.read()


def find_sources(arguments: Sequence[str], suffixes: Collection[str]) -> list[Source]:
    """The inputs that IN... names, in its order and sorted within each folder and pattern.

    A folder stands for the files below it that end in one of `suffixes` (in any case), a pattern
    (`*`, `?`, `[...]`, and `**` for any depth) for the files that match it; both leave out what is
    hidden. A name that exists is never taken for a pattern.

    Raises:
      CommandError: a folder or pattern gives nothing, or `-` is not the only input.
      OSError: a folder cannot be read.
    """
    if standard_streams.DASH in arguments and len(arguments) > 1:
        raise CommandError("- (standard input) cannot be read together with other inputs")
    return [source for argument in arguments for source in _expand(argument, suffixes)]


def _expand(argument: str, suffixes: Collection[str]) -> list[Source]:
    if not argument:
        raise CommandError("an input's name is empty")
    path = Path(argument)
    if path.is_dir():
        found = [Source(file, file.relative_to(path), True) for file in _files_below(path)]
        found = [source for source in found if source.path.suffix.lower() in suffixes]
        if not found:
            looked_for = " ".join(sorted(suffixes))
            raise CommandError(f"{argument}: no files to read in it (looked for {looked_for})")
        return found
    if glob.has_magic(argument) and not os.path.lexists(path):
        base = _fixed_part(path)
        found = [Source(file, file.relative_to(base), True) for file in _matches(argument)]
        if not found:
            raise CommandError(f"{argument}: no file matches")
        return found
    return [Source.of(argument)]


def _files_below(folder: Path) -> Iterator[Path]:
    def refuse(error: OSError):
        raise error

    for parent, folders, names in os.walk(folder, onerror=refuse):
        folders[:] = sorted(name for name in folders if not _is_hidden(name))
        yield from (Path(parent, name) for name in sorted(names) if not _is_hidden(name))


def _is_hidden(name: str) -> bool:
    return name.startswith(".")  # so are the partial files of `write_atomically`


def _matches(pattern: str) -> list[Path]:
    paths = sorted({Path(match) for match in glob.iglob(pattern, recursive=True)})
    return [path for path in paths if path.is_file()]


def _fixed_part(pattern: Path) -> Path:
    return Path(*takewhile(lambda part: not glob.has_magic(part), pattern.parts))
