"""What a command writes: one output for each input, checked before any work is done."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pqmim_jax.cli import standard_streams
from pqmim_jax.cli.errors import CommandError
from pqmim_jax.cli.sources import Source


@dataclass(frozen=True)
class Job:
    """One input and where its output goes."""

    source: Source
    target: Path | None  # None: standard output

    def __str__(self) -> str:
        """INPUT -> OUTPUT."""
        return f"{self.source} -> {self.target or standard_streams.OUTPUT_NAME}"

    def write(self, data: bytes, *, overwrite: bool) -> None:
        """Writes the output, whole or not at all, making its folder if there is none."""
        from pqmim_jax.images import write_atomically

        if self.target is None:
            standard_streams.write_output(data)
        else:
            self.target.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(self.target, data, overwrite=overwrite)


def assign_targets(
    sources: Sequence[Source], output: str | None, suffix: str, *, many: bool
) -> list[Job]:
    """Gives each source its output.

    Args:
      output: --output: None for beside each input, `-` for standard output, a file or a folder.
      suffix: of outputs that the user does not name one by one.
      many: `output` is a folder even if there is one source and no such folder yet.

    Raises:
      CommandError: an output would be an input, or two inputs'; standard input or output cannot
        be what it is asked to be.
      OSError: an output is no regular file, or its folder cannot be there.
    """
    if output == standard_streams.DASH:
        if len(sources) > 1:
            raise CommandError(f"-o - takes one input, not {len(sources)}")
        jobs = [Job(sources[0], None)]
    elif output is None:
        jobs = [Job(source, _beside(source, suffix)) for source in sources]
    elif many or output.endswith(os.sep) or Path(output).is_dir():
        jobs = [Job(source, _below(Path(output), source, suffix)) for source in sources]
    else:
        jobs = [Job(sources[0], Path(output))]
        _check_writable(Path(output))
    _check_apart(jobs)
    if any(job.target is None for job in jobs):
        standard_streams.check_output()
    return jobs


def check_output(path: Path, *, force: bool) -> None:
    """Finds out before any work is done whether `path` can be written.

    Raises:
      CommandError: it exists already and `force` is false.
      OSError: it is no regular file, or its folder does not exist.
    """
    if path.is_file() and not force:
        raise CommandError(f"{path} exists already (--force replaces it)")
    _check_writable(path)


def without_existing(jobs: Sequence[Job], *, force: bool, skip: bool) -> list[Job]:
    """The jobs to be done: all if `force`, those without an output yet if `skip`.

    Raises:
      CommandError: an output exists already, and neither `force` nor `skip` is set.
    """
    if force:
        return list(jobs)
    existing = [job.target for job in jobs if job.target is not None and job.target.is_file()]
    if existing and not skip:
        more = f", and {len(existing) - 1} more" if len(existing) > 1 else ""
        raise CommandError(
            f"{existing[0]} exists already{more} "
            "(--force replaces what exists, --skip-existing keeps it)"
        )
    existing = set(existing)
    return [job for job in jobs if job.target not in existing]


def _beside(source: Source, suffix: str) -> Path | None:
    if source.path is None:
        return None
    target = source.path.with_suffix(suffix)
    _check_writable(target)
    return target


def _below(folder: Path, source: Source, suffix: str) -> Path:
    if source.path is None:
        raise CommandError("standard input has no name: -o must name a file, not a folder")
    target = folder / source.place.with_suffix(suffix)
    nearest = next(parent for parent in target.parents if parent.exists())
    if not nearest.is_dir():
        raise CommandError(f"{nearest} is a file; the outputs need a folder there")
    if nearest == target.parent:
        _check_writable(target)
    return target


def _check_writable(target: Path) -> None:
    from pqmim_jax.images import check_writable

    check_writable(target, overwrite=True)


def _check_apart(jobs: Sequence[Job]) -> None:
    read = {os.path.realpath(job.source.path) for job in jobs if job.source.path is not None}
    taken: dict[str, Source] = {}
    for job in jobs:
        if job.target is None:
            continue
        where = os.path.realpath(job.target)
        if where in read:
            raise CommandError(f"{job.target} would be both read and written (-o names the output)")
        if where in taken:
            raise CommandError(f"{taken[where]} and {job.source} would both become {job.target}")
        taken[where] = job.source
