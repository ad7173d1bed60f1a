"""`pqmim ablate`: measures a grid of training masks and coding schedules."""

import argparse
import subprocess
import sys
from pathlib import Path

from pqmim_jax.cli import options
from pqmim_jax.cli.errors import CommandError
from pqmim_jax.cli.train import INTERRUPTED, collect_overrides, import_error, load_training_config

_EPILOG = """\
examples:
  pqmim ablate --config=configs/ablations/masking.py --workdir=runs/masking --jobs=2 \\
      --config.data.source=folder:PHOTOS --config.evaluation.source=folder:HELD_OUT
  pqmim ablate --config=configs/ablations/masking.py --workdir=runs/masking --dry-run
  pqmim ablate --config=configs/ablations/masking.py --workdir=runs/masking --verify

Each combination of training factors and seeds is trained once, on codes of the given autoencoder;
each schedule is measured on each of these MIMs by what the coder would spend. Run the same command
again, or in several processes at once, to do what is missing. WORKDIR/index.html is the page,
WORKDIR/results.csv the table, without times: those are in WORKDIR/times.csv.
Needs the training packages and matplotlib: pip install "pqmim-jax[ablate]"
"""


def add_parser(subparsers) -> None:
    """Adds the command."""
    parser = options.add_command(
        subparsers,
        "ablate",
        run,
        summary="measure training masks and coding schedules on a grid",
        epilog=_EPILOG,
        takes_extra=True,
    )
    parser.usage = (
        "pqmim ablate [-h] --config FILE --workdir DIR [--jobs N] [--dry-run | --verify [HOW]] "
        "[--config.KEY=VALUE ...]"
    )
    parser.add_argument(
        "--config", required=True, metavar="FILE", help="Python file with a get_config()"
    ).complete = "file"
    parser.add_argument(
        "--workdir", required=True, metavar="DIR", help="folder for all results; may be shared"
    )
    parser.add_argument(
        "--jobs", type=int, default=1, metavar="N", help="processes at work, 1..64 (default: 1)"
    )
    how = parser.add_mutually_exclusive_group()
    how.add_argument(
        "--dry-run", action="store_true", help="list what is missing and how long it will take"
    )
    how.add_argument(
        "--verify",
        nargs="?",
        const="evaluation",
        choices=("evaluation", "train"),
        metavar="HOW",
        help="measure a random finished cell again and compare; HOW: evaluation (default), or "
        "train: train its MIM again too",
    )
    how.add_argument("--work-only", action="store_true", help=argparse.SUPPRESS)


def run(args: argparse.Namespace) -> int:
    """Does what is missing, then writes tables and page."""
    if not 1 <= args.jobs <= 64:
        raise CommandError(f"--jobs must be from 1 to 64, got {args.jobs}")
    try:
        overrides = collect_overrides(args.extra)
    except ValueError as error:
        args.parser.error(str(error))
    config = load_training_config(args.config, overrides)
    if "ablation" not in config:
        raise CommandError(f"{args.config}: no config of an ablation, it has no section 'ablation'")
    try:
        from pqmim_jax.ablation.figures import FigureError, plotting
        from pqmim_jax.ablation.work import Workdir
        from pqmim_jax.cores import usable_cores
        from pqmim_jax.training.interruption import Interrupted, TrainingError
    except ImportError as error:
        raise import_error(error) from error
    try:
        plotting()  # before hours of work, not after
        threads = max(1, usable_cores() // args.jobs)
        return _run(args, Workdir(config, Path(args.workdir), threads))
    except Interrupted as interrupted:
        print(f"pqmim: {interrupted}; run the same command to go on", file=sys.stderr)
        return INTERRUPTED
    except (ValueError, TrainingError, FigureError) as error:
        raise CommandError(str(error)) from error


def _run(args: argparse.Namespace, workdir) -> int:
    if args.dry_run:
        return _list(workdir, args.jobs)
    if args.verify:
        return _verify(workdir, retrain=args.verify == "train")
    helpers = [_start_helper(args) for _ in range(args.jobs - 1)]
    try:
        for line in workdir.run():
            print(line, flush=True)
        codes = [helper.wait() for helper in helpers]
    finally:
        for helper in helpers:
            helper.terminate()  # nothing happens to one that has ended
    if any(codes):
        raise CommandError(f"{sum(map(bool, codes))} of the processes failed: see above")
    if not args.work_only:
        _write(workdir)
    return 0


def _start_helper(args: argparse.Namespace) -> subprocess.Popen:
    command = [sys.executable, "-m", "pqmim_jax", "ablate", "--work-only"]
    command += ["--config", args.config, "--workdir", args.workdir, *args.extra]
    return subprocess.Popen(command)


def _write(workdir) -> None:
    from pqmim_jax.ablation.page import write_page
    from pqmim_jax.ablation.tables import write_tables

    results, reference = workdir.results(), workdir.plan.reference
    write_tables(workdir.config, results, reference, workdir.folder)
    command = ["pqmim", *sys.argv[1:]]
    write_page(workdir.config, results, reference, command, workdir.folder)
    print(f"wrote {workdir.folder / 'index.html'} and {workdir.folder / 'results.csv'}")


def _list(workdir, jobs: int) -> int:
    from pqmim_jax.ablation.forecast import forecast

    trainings, cells = workdir.missing()
    plan = workdir.plan
    absent = {each.key for each in trainings}
    for each in plan.trainings:
        state = "missing" if each.key in absent else "done"
        print(f"training {each.key}  {state:7}  seed {each.seed}  {each.factors}")
    absent = {cell.key for cell in cells}
    for cell in plan.cells:
        state = "missing" if cell.key in absent else "done"
        print(
            f"cell     {cell.key}  {state:7}  training {cell.training.key}  S {cell.stages:<4} "
            f"window {cell.window}  {cell.schedule}"
        )
    print(
        f"{len(trainings)} of {len(plan.trainings)} trainings and {len(cells)} of "
        f"{len(plan.cells)} cells are missing"
    )
    if cells:
        expected = forecast(workdir)
        total = expected.total(workdir)
        print(
            f"about {total / 60:.1f} minutes of one process, by {expected.source}: "
            f"{expected.training:.0f} s a training, {expected.stage:.3f} s a stage of a picture; "
            f"with --jobs={jobs}, each with a core to itself, {total / 60 / jobs:.1f} minutes"
        )
    return 0


def _verify(workdir, *, retrain: bool) -> int:
    from pqmim_jax.ablation.verify import verify

    what, found = verify(workdir, retrain=retrain)
    for line in found:
        print(f"pqmim: {line}", file=sys.stderr)
    print(f"{what}: {'DIFFERENT' if found else 'the same, bit for bit'}")
    return 1 if found else 0
