"""What a training step needs and takes on a TPU slice, found out on a machine without a TPU.

    python tools/plan_scale.py --config=configs/imagenet_pqvae.py --topology=v5e:16x16
    python tools/plan_scale.py --config=configs/imagenet_pqvae.py --topology=v5e:4x4 \\
        --sweep batch=256,512,1024 --sweep "mesh=data:-1|data:-1,fsdp:4"
    python tools/plan_scale.py --config=configs/imagenet_pqvae.py --batch-per-chip=16 \\
        --weak-scaling v5e:1x1,v5e:4x4,v5e:16x16

Compiles the real train step ahead of time (needs `pip install "pqmim-jax[plan]"`; minutes for a
large model) and prints, per chip: memory, FLOPs, bytes accessed, collectives, and the roofline: the
time of what the step waits for longest if everything else overlaps. XLA's count of bytes includes
those that stay in on-chip memory, so "memory" is pessimistic; compute and network are lower bounds.

--sweep KEY=VALUE,VALUE also takes any key of the config. Exit code: 0 if something compiles and
fits, 1 if nothing does, 2 for wrong usage.
"""

import argparse
import json
import sys
from pathlib import Path

from pqmim_jax.scale_plan import environment


def main(arguments: list[str] | None = None) -> int:
    parser = build_parser()
    options, extra = parser.parse_known_args(arguments)
    environment.prepare()
    from pqmim_jax.cli.train import collect_overrides
    from pqmim_jax.scale_plan.errors import PlanError

    try:
        overrides = collect_overrides(extra)
        if options.weak_scaling:
            named = plan_weak_scaling(options, overrides)
        elif options.sweep:
            named = plan_sweep(options, overrides)
        else:
            named = plan_one(options, overrides)
    except PlanError as error:
        print(f"plan_scale.py: {error}", file=sys.stderr)
        return 1
    except ValueError as error:
        parser.error(str(error))
    if options.json:
        rows = [{"name": name, **as_json(plan)} for name, plan in named]
        options.json.write_text(json.dumps(rows, indent=1) + "\n")
    return 0 if any(not isinstance(plan, str) and plan.fits for _, plan in named) else 1


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
        usage="%(prog)s --config FILE (--topology NAME | --weak-scaling NAME,NAME) [options] "
        "[--config.KEY=VALUE ...]",
    )
    parser.add_argument("--config", required=True, metavar="FILE")
    parser.add_argument(
        "--stage", choices=("pqvae", "mim", "perceptual"), help="default: the config's last"
    )
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--topology", metavar="NAME", help="slice of chips, such as v5e:4x4")
    where.add_argument("--weak-scaling", metavar="NAME,NAME", help="slices, smallest first")
    parser.add_argument(
        "--batch-per-chip", type=int, metavar="N", help="with --weak-scaling: images a chip"
    )
    parser.add_argument(
        "--sweep",
        action="append",
        default=[],
        metavar="NAME=VALUES",
        help="batch=256,512 or mesh=data:-1|data:-1,fsdp:4 or KEY=VALUE,VALUE; more than one: "
        "every combination",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="all figures, also as JSON")
    return parser


def plan_one(options, overrides):
    from pqmim_jax.scale_plan import report

    config, stage = load(options, overrides)
    plan = make_plan(config, stage, options.topology)
    print(report.describe(plan))
    return [(options.topology, plan)]


def plan_sweep(options, overrides):
    from pqmim_jax.scale_plan import report, variants
    from pqmim_jax.scale_plan.chips import parse_topology

    _, stage = load(options, overrides)
    parse_topology(options.topology)
    choices = variants.product([variants.parse_sweep(text, stage) for text in options.sweep])
    configs = [(name, load(options, [*overrides, *more])[0]) for name, more in choices]
    print(report.header(f"{stage} on {options.topology}"), flush=True)
    named = []
    for name, config in configs:
        named.append((name, plan_or_reason(config, stage, options.topology)))
        print(report.row(*named[-1]), flush=True)
    return named


def plan_weak_scaling(options, overrides):
    from pqmim_jax.scale_plan import report
    from pqmim_jax.scale_plan.chips import parse_topology

    if options.sweep or not (options.batch_per_chip or 0) > 0:
        raise ValueError("--weak-scaling takes --batch-per-chip >= 1, and no --sweep")
    slices = [parse_topology(name) for name in options.weak_scaling.split(",")]
    _, stage = load(options, overrides)
    print(report.weak_scaling_header(f"{stage}, {options.batch_per_chip} a chip"), flush=True)
    named = []
    for where in slices:
        batch = f"{stage}_training.batch_size={options.batch_per_chip * where.chips}"
        config, _ = load(options, [*overrides, batch])
        named.append((where.name, plan_or_reason(config, stage, where.name)))
        print(report.weak_scaling_row(named), flush=True)
    return named


def load(options, overrides):
    """Config, and the name of the stage to plan."""
    from pqmim_jax.training.config import load_config

    config = load_config(options.config, overrides)
    return config, options.stage or config.stages[-1]


def make_plan(config, stage: str, topology: str):
    """A plan; a missing training package is an error of one line."""
    from pqmim_jax.scale_plan.errors import PlanError

    try:
        from pqmim_jax.scale_plan import plan
    except ImportError as error:
        raise PlanError(
            f'the package {error.name!r} is missing: pip install "pqmim-jax[plan]"'
        ) from error
    return plan.make_plan(config, stage, topology)


def plan_or_reason(config, stage: str, topology: str):
    """A plan, or in a word why there is none; without libtpu there is none of any config."""
    from pqmim_jax.scale_plan.errors import MissingLibtpu

    try:
        return make_plan(config, stage, topology)
    except MissingLibtpu:
        raise
    except ValueError as error:
        return str(error)


def as_json(plan) -> dict:
    return {"error": plan} if isinstance(plan, str) else plan.to_json()


if __name__ == "__main__":
    sys.exit(main())
