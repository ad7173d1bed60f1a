"""Trains in a process of its own, alone or as one of several.

With --preempt, SIGTERM arrives while that step is under way. Without it the run also counts how
often each stage's step is traced, and writes the counts to WORKDIR/traces.json. With --record it
adds a line to PATH for every batch of the first stage: the first red sample of each example.
"""

import argparse
import json
import os
import signal
import sys
from pathlib import Path

import jax

from pqmim_jax.training import (
    hyperprior_stage,
    mim_stage,
    multihost,
    perceptual_stage,
    pqvae_stage,
)
from pqmim_jax.training.config import from_json
from pqmim_jax.training.interruption import PeerLost
from pqmim_jax.training.run import train

MODULES = {
    "pqvae": pqvae_stage,
    "mim": mim_stage,
    "hyperprior": hyperprior_stage,
    "perceptual": perceptual_stage,
}


class Preempted:
    """A batch iterator that sends this process SIGTERM with its n-th batch."""

    def __init__(self, batches, n):
        self._batches, self._left = batches, n

    def __getattr__(self, name):
        return getattr(self._batches, name)

    def __next__(self):
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGTERM)
        return next(self._batches)


def preempt(stage, step):
    module = MODULES[stage]
    make = module.stage_batches
    module.stage_batches = lambda *args: Preempted(make(*args), step)


class Recorded:
    """A batch iterator that writes down what it gives away."""

    def __init__(self, batches, path):
        self._batches, self._path = batches, path

    def __getattr__(self, name):
        return getattr(self._batches, name)

    def __next__(self):
        batch = next(self._batches)
        with open(self._path, "a") as file:
            file.write(json.dumps(batch["image"][:, 0, 0, 0].tolist()) + "\n")
        return batch


def record(path):
    make = pqvae_stage.stage_batches
    pqvae_stage.stage_batches = lambda *args: Recorded(make(*args), path)


def count_traces(counts):
    for name, module in MODULES.items():
        builder = f"build_{name}_step"
        setattr(module, builder, counted(getattr(module, builder), name, counts))


def counted(build, name, counts):
    def build_counted(*args):
        step = build(*args)

        def counted_step(*step_args):
            counts[name] = counts.get(name, 0) + 1
            return step(*step_args)

        return counted_step

    return build_counted


def main(args):
    counts = {}
    multihost.join(args.join)
    if args.preempt:
        stage, step = args.preempt
        preempt(stage, int(step))
    else:
        count_traces(counts)
    if args.record:
        record(args.record)
    try:
        train(from_json(Path(args.config).read_text()), args.workdir)
    except PeerLost as error:
        print(error, file=sys.stderr, flush=True)
        os._exit(1)
    if jax.process_index() == 0:
        (Path(args.workdir) / "traces.json").write_text(json.dumps(counts))


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("config")
    parser.add_argument("workdir")
    parser.add_argument("--join", default="none")
    parser.add_argument("--preempt", nargs=2, metavar=("STAGE", "STEP"))
    parser.add_argument("--record", metavar="PATH")
    main(parser.parse_args())
