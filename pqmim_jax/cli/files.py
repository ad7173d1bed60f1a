"""Commands that make one output of each input: their options, plan and loop.

Such a command adds `add_files` to its parser; its `run` makes a `plan` and gives `convert_all` a
function from a `Source` to a `Converted`. All reading of names and all writing is done here.
"""

import argparse
import sys
from collections.abc import Callable, Collection, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial

from pqmim_jax.cli.errors import user_message
from pqmim_jax.cli.options import add_force, add_quiet
from pqmim_jax.cli.progress import print_line, with_progress
from pqmim_jax.cli.sources import Source, find_sources
from pqmim_jax.cli.targets import Job, assign_targets, without_existing
from pqmim_jax.cli.warning_lines import WarningLines

_MOST_DEFAULT_JOBS = 4  # each picture at work takes memory; beyond this little time is won


@dataclass(frozen=True)
class Converted:
    """What became of one input."""

    data: bytes  # of the whole output
    facts: str  # ends the line that is printed: "1234 bytes  0.1 bpp"


@dataclass(frozen=True)
class _Outcome:
    job: Job
    facts: str = ""
    error: Exception | None = None
    warnings: Sequence[str] = ()


def add_files(parser: argparse.ArgumentParser, noun: str, suffix: str) -> None:
    """IN... and the options about files: `plan` and `convert_all` obey them."""
    parser.add_argument(
        "inputs",
        metavar="IN",
        nargs="+",
        help=f"{noun} to read, folders of them (with all folders below), quoted patterns such as "
        "'photos/**/*.jpg', or - for standard input",
    ).complete = "file"
    parser.add_argument(
        "-o",
        "--output",
        metavar="OUT",
        help="file to write, - for standard output, or a folder; with several inputs always a "
        "folder, made if there is none, in which input folders are mirrored (default: beside each "
        f"input, with the suffix {suffix}; - goes to standard output)",
    ).complete = "file"
    existing = parser.add_mutually_exclusive_group()
    add_force(existing)
    existing.add_argument(
        "--skip-existing",
        action="store_true",
        help="leave out inputs whose output exists already, to go on with what was interrupted",
    )
    parser.add_argument(
        "--jobs",
        type=_positive,
        metavar="N",
        help="files worked on at once, 1: one after another (default: the number of cores, at "
        f"most {_MOST_DEFAULT_JOBS})",
    )
    add_quiet(parser)


def plan(args: argparse.Namespace, *, reads: Collection[str], writes: str) -> list[Job]:
    """What is to be made of what, checked before any work is done.

    Args:
      reads: suffixes, in lower case, of the files that a folder among the inputs stands for.
      writes: suffix of outputs that --output does not name.

    Raises:
      CommandError, OSError: as `find_sources`, `assign_targets` and `without_existing`.
    """
    sources = find_sources(args.inputs, reads)
    many = len(args.inputs) > 1 or any(source.collected for source in sources)
    jobs = assign_targets(sources, args.output, writes, many=many)
    left = without_existing(jobs, force=args.force, skip=args.skip_existing)
    if len(left) < len(jobs) and not args.quiet:
        print(f"skipped {len(jobs) - len(left)} of {len(jobs)}, whose outputs exist already")
    return left


def convert_all(
    jobs: Sequence[Job], convert: Callable[[Source], Converted], args: argparse.Namespace
) -> int:
    """Carries out a plan, going on after an input has failed.

    Prints a line for each output, in the inputs' order, on stdout (on stderr if that is where the
    output goes), and each UserWarning that `convert` raises as a line on stderr.

    Args:
      convert: called from several threads at once unless --jobs is 1. What it raises is a failure
        if `user_message` knows it, and ends everything if not.

    Returns:
      0; or 1 after the failures have been listed on stderr, one line each.
    """
    from pqmim_jax.cli.batch import map_in_order
    from pqmim_jax.cores import usable_cores

    workers = args.jobs or min(usable_cores(), _MOST_DEFAULT_JOBS)
    gatherer = WarningLines()
    work = partial(_carry_out, convert=convert, overwrite=args.force, gatherer=gatherer)
    failures = []
    with gatherer.installed(), closing(map_in_order(work, jobs, workers)) as outcomes:
        hide = args.quiet or len(jobs) < 2
        for outcome in with_progress(outcomes, len(jobs), "files", hide=hide):
            _report(outcome, quiet=args.quiet)
            if outcome.error is not None:
                message = user_message(outcome.error)
                if message is None or len(jobs) == 1:
                    raise outcome.error
                failures.append(message)
    for message in failures:
        print(f"pqmim: error: {message}", file=sys.stderr)
    return 1 if failures else 0


def _carry_out(
    job: Job, *, convert: Callable[[Source], Converted], overwrite: bool, gatherer: WarningLines
) -> _Outcome:
    with gatherer.gathered() as warnings:
        try:
            converted = convert(job.source)
            job.write(converted.data, overwrite=overwrite)
        except Exception as error:
            return _Outcome(job, error=error, warnings=warnings)
    return _Outcome(job, converted.facts, warnings=warnings)


def _report(outcome: _Outcome, *, quiet: bool) -> None:
    name = f"{outcome.job.source}: "
    for warning in outcome.warnings:
        print_line(f"pqmim: warning: {name}{warning.removeprefix(name)}", sys.stderr)
    if outcome.error is None and not quiet:
        stream = sys.stderr if outcome.job.target is None else sys.stdout
        print_line(f"{outcome.job}  {outcome.facts}", stream)


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number from 1 on, got {text!r}")
    return int(text)
