"""One output file for each input file: which, and what happens when some of them fail."""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from pqmim_jax.cli.errors import CommandError, user_message


def add_files(parser: argparse.ArgumentParser, noun: str, suffix: str) -> None:
    """IN..., -o OUT and --quiet."""
    parser.add_argument("inputs", metavar="IN", nargs="+", help=f"{noun} to read")
    parser.add_argument(
        "-o",
        "--output",
        metavar="OUT",
        help="file to write, or a folder; with several inputs always a folder, which is made if "
        f"there is none (default: beside each input, with the suffix {suffix})",
    )
    parser.add_argument("--quiet", action="store_true", help="print nothing but errors")


def plan_outputs(
    inputs: Sequence[str], output: str | None, suffix: str, *, force: bool
) -> list[tuple[Path, Path]]:
    """Pairs (input, output), checked before any work is done.

    Raises:
      CommandError: an output exists already (unless `force`), is an input, or is two inputs'.
      OSError: an output is no regular file, or its folder does not exist.
    """
    pairs = [(path, _output_of(path, output, suffix, inputs)) for path in map(Path, inputs)]
    sources = {os.path.realpath(path) for path, _ in pairs}
    taken: dict[str, Path] = {}
    for path, target in pairs:
        where = os.path.realpath(target)
        if where in sources:
            raise CommandError(f"{target} would be both read and written (-o names the output)")
        if where in taken:
            raise CommandError(f"{taken[where]} and {path} would both become {target}")
        taken[where] = path
        if output is None or target.parent != Path(output) or target.parent.is_dir():
            check_output(target, force=force)
    return pairs


def check_output(path: Path, *, force: bool) -> None:
    """Finds out before any work is done whether `path` can be written.

    Raises:
      CommandError: it exists already and `force` is false.
      OSError: it is no regular file, or its folder does not exist.
    """
    from pqmim_jax.images import check_writable

    if path.is_file() and not force:
        raise CommandError(f"{path} exists already (--force replaces it)")
    check_writable(path, overwrite=True)


def for_each_file(pairs: Sequence[tuple[Path, Path]], convert: Callable[[Path, Path], None]) -> int:
    """Runs `convert(input, output)` on every pair, going on after one has failed.

    Returns:
      0; or 1 after the failures have been listed on stderr, one line each.
    """
    failures = []
    for path, target in pairs:
        try:
            convert(path, target)
        except Exception as error:
            message = user_message(error)
            if message is None or len(pairs) == 1:
                raise
            failures.append(message)
    for message in failures:
        print(f"pqmim: error: {message}", file=sys.stderr)
    return 1 if failures else 0


def save(target: Path, data: bytes, args: argparse.Namespace, line: str) -> None:
    """Writes an output, making the folder that --output names, and prints `line`."""
    from pqmim_jax.images import write_atomically

    if args.output is not None and target.parent == Path(args.output):
        target.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(target, data, overwrite=args.force)
    if not args.quiet:
        print(line, flush=True)


def _output_of(path: Path, output: str | None, suffix: str, inputs: Sequence[str]) -> Path:
    if not path.name:
        raise CommandError(f"{path} is a folder")
    if output is None:
        return path.with_suffix(suffix)
    is_folder = len(inputs) > 1 or output.endswith(os.sep) or Path(output).is_dir()
    if not is_folder:
        return Path(output)
    if Path(output).exists() and not Path(output).is_dir():
        raise CommandError(f"{output} is a file; several inputs need a folder")
    return Path(output) / path.with_suffix(suffix).name
