"""`pqmim train`: runs a config file."""

import argparse
import os
import sys
from collections.abc import Sequence

from pqmim_jax.cli import options
from pqmim_jax.cli.errors import CommandError

INTERRUPTED = 130
_PREFIX = "--config."
_TRAINING_PACKAGES = ("clu", "grain", "optax", "orbax")
_EPILOG = """\
examples:
  pqmim train --config=configs/smoke.py --workdir=runs/smoke
  pqmim train --config=configs/smoke.py --workdir=runs/slower --config.pqvae_training.steps=500

--config.KEY=VALUE changes any field that the config file has; a misspelt KEY is an error. Run
the same command again to go on from the newest checkpoint in the workdir. The trained model is in
WORKDIR/model: pqmim compress --model=WORKDIR photo.jpg
Needs the training packages: pip install "pqmim-jax[train]"
"""


def add_parser(subparsers) -> None:
    """Adds the command."""
    parser = options.add_command(
        subparsers,
        "train",
        run,
        summary="train a model as a config file says",
        epilog=_EPILOG,
        takes_extra=True,
    )
    parser.usage = (
        "pqmim train [-h] --config FILE --workdir DIR [--distributed HOW] [--config.KEY=VALUE ...]"
    )
    parser.add_argument(
        "--config", required=True, metavar="FILE", help="Python file with a get_config()"
    ).complete = "file"
    parser.add_argument(
        "--workdir",
        required=True,
        metavar="DIR",
        help="folder (or gs:// URL) for checkpoints, metrics and the trained model; made if there "
        "is none",
    )
    parser.add_argument(
        "--distributed",
        default="none",
        metavar="HOW",
        help="none (default); auto: join the other processes of a TPU pod, SLURM or Open MPI job; "
        "or ADDRESS:PORT,PROCESS_ID,PROCESS_COUNT with the address of process 0",
    )


def run(args: argparse.Namespace) -> int:
    """Loads the config with its overrides and trains."""
    try:
        overrides = collect_overrides(args.extra)
    except ValueError as error:
        args.parser.error(str(error))
    config = load_training_config(args.config, overrides)
    try:
        from pqmim_jax.training import interruption, multihost
        from pqmim_jax.training.run import train
    except ImportError as error:
        raise import_error(error) from error
    try:
        multihost.join(args.distributed)
        train(config, args.workdir)
    except interruption.Interrupted as interrupted:
        print(f"pqmim: {interrupted}; run the same command to go on", file=sys.stderr)
        return INTERRUPTED
    except interruption.PeerLost as error:
        print(f"pqmim: {error}", file=sys.stderr, flush=True)
        os._exit(1)  # an orderly exit would wait for the lost process
    except (ValueError, interruption.TrainingError) as error:
        raise CommandError(str(error)) from error
    return 0


def collect_overrides(extra: Sequence[str]) -> list[str]:
    """Overrides "key=value" of arguments `--config.key=value` or `--config.key value`.

    Raises:
      ValueError: another argument is among them, or a value is missing.
    """
    overrides = []
    rest = list(extra)
    while rest:
        argument = rest.pop(0)
        if not argument.startswith(_PREFIX):
            raise ValueError(f"unrecognized arguments: {argument}")
        override = argument.removeprefix(_PREFIX)
        if "=" not in override:
            if not rest or rest[0].startswith("--"):
                raise ValueError(f"argument {argument}: expected a value")
            override = f"{override}={rest.pop(0)}"
        overrides.append(override)
    return overrides


def import_error(error: ImportError) -> Exception:
    """What to raise: how to get a training package that is missing, or the error itself."""
    if (error.name or "").split(".")[0] not in _TRAINING_PACKAGES:
        return error
    return CommandError(
        f'training needs the package {error.name!r}: pip install "pqmim-jax[train]"'
    )


def load_training_config(path: str, overrides: Sequence[str]):
    """The resolved config of a file; CommandError if it cannot be used."""
    from pqmim_jax.training.config import ConfigError, load_config

    try:
        return load_config(path, overrides)
    except ConfigError as error:
        raise CommandError(str(error)) from error
