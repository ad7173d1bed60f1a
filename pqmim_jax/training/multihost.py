"""Runs of several processes: joining them, and what they must decide together."""

import re

import jax
from jax.experimental import multihost_utils

from pqmim_jax.training.config import ConfigError

_EXPLICIT = re.compile(r"(?P<address>[^,]+:\d+),(?P<id>\d+),(?P<count>\d+)")
_HEARTBEAT_TIMEOUT_S = 60


def join(spec: str) -> None:
    """Makes this process part of a run of several; call before anything else uses JAX.

    Args:
      spec: "none"; "auto", which asks the environment (TPU pods, SLURM, Open MPI); or
        "ADDRESS:PORT,PROCESS_ID,PROCESS_COUNT" with the address of process 0.

    Raises:
      ConfigError: the spec is malformed, or "auto" finds no cluster.
    """
    if spec == "none":
        return
    explicit = _EXPLICIT.fullmatch(spec)
    if spec != "auto" and not explicit:
        raise ConfigError(
            f"--distributed must be none, auto or ADDRESS:PORT,PROCESS_ID,PROCESS_COUNT, "
            f"got {spec!r}"
        )
    where = {}
    if explicit:
        where = {
            "coordinator_address": explicit["address"],
            "process_id": int(explicit["id"]),
            "num_processes": int(explicit["count"]),
        }
    try:
        jax.distributed.initialize(**where, heartbeat_timeout_seconds=_HEARTBEAT_TIMEOUT_S)
    except (ValueError, RuntimeError) as error:
        reason = str(error).strip().splitlines()[0]
        raise ConfigError(f"--distributed={spec}: cannot join the run: {reason}") from error


def stop_agreed(step: int, requested: bool) -> bool:
    """Whether all processes stop after this step.

    Alone, a process stops when a signal `requested` it. Several agree through JAX's preemption
    service on a step that none of them has passed: call this after every step.
    """
    if jax.process_count() == 1:
        return requested
    return multihost_utils.reached_preemption_sync_point(step)


def from_first_process(tree):
    """Process 0's values of a tree of host arrays, on every process."""
    return multihost_utils.broadcast_one_to_all(tree) if jax.process_count() > 1 else tree
