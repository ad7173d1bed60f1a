"""Checkpoints of one stage: train state and data position, through orbax."""

import dataclasses
from typing import Any

import jax
import numpy as np
import orbax.checkpoint as ocp
from orbax.checkpoint import checkpoint_managers

from pqmim_jax.training.state import TrainState


class Checkpoints:
    """Asynchronous, sharded, atomic saves; a half-written checkpoint is never restored.

    Works on any number of processes: each writes the shards that it holds.
    """

    def __init__(self, directory, options, score: str):
        """Opens (and creates) the directory.

        Args:
          options: section `checkpoints` of the config: the `kept` newest stay, those at multiples
            of `keep_every` steps (0: none), and the `best` by `score`.
          score: name of the metric, lower is better, that ranks checkpoints saved with metrics.
        """
        policies = checkpoint_managers.preservation_policy
        kept = [policies.LatestN(options.kept)]
        if options.keep_every:
            kept.append(policies.EveryNSteps(options.keep_every))
        if options.best:
            kept.append(
                policies.BestN(
                    get_metric_fn=lambda metrics: metrics[score],
                    reverse=True,
                    n=options.best,
                    keep_checkpoints_without_metrics=False,
                )
            )
        self._manager = ocp.CheckpointManager(
            _absolute(directory),
            options=ocp.CheckpointManagerOptions(
                preservation_policy=policies.AnyPreservationPolicy(kept),
                cleanup_tmp_directories=True,
            ),
        )

    def latest_step(self) -> int | None:
        """Step of the newest complete checkpoint."""
        return self._manager.latest_step()

    def save(
        self, step: int, state: TrainState, data_state: Any, metrics: dict[str, float] | None = None
    ) -> None:
        """Starts saving; returns once device buffers are copied. Saving a step twice is a no-op."""
        if step == self._manager.latest_step():
            return
        args = ocp.args.Composite(
            state=ocp.args.StandardSave(_fields(state)), data=ocp.args.JsonSave(data_state)
        )
        with jax.transfer_guard("allow"):
            self._manager.save(step, args=args, metrics=metrics)

    def restore(self, like: TrainState) -> tuple[TrainState, Any]:
        """Newest checkpoint, with the shapes and shardings of `like`, and the data state."""
        step = self._manager.latest_step()
        state = ocp.args.StandardRestore(_fields(like))
        args = ocp.args.Composite(state=state, data=ocp.args.JsonRestore())
        restored = self._manager.restore(step, args=args)
        fields = restored["state"]
        if like.codebook is not None:
            fields["codebook"] = like.codebook.replace(**fields["codebook"])
        return like.replace(**fields), restored["data"]

    def close(self) -> None:
        """Waits for saves under way."""
        self._manager.wait_until_finished()
        self._manager.close()


def restore_params(directory) -> dict:
    """Parameters in the newest checkpoint, as `TrainState.trained`; a tree of NumPy arrays.

    Raises:
      ValueError: `directory` holds no checkpoint.
    """
    handlers = {"state": ocp.PyTreeCheckpointHandler(), "data": ocp.JsonCheckpointHandler()}
    with ocp.CheckpointManager(_absolute(directory), item_handlers=handlers) as manager:
        step = manager.latest_step()
        if step is None:
            raise ValueError(f"no checkpoint in {directory}")
        # As NumPy arrays: the devices that they were saved from need not be there.
        leaves = manager.item_metadata(step)["state"].tree
        kinds = jax.tree.map(lambda _: ocp.RestoreArgs(restore_type=np.ndarray), leaves)
        args = ocp.args.Composite(state=ocp.args.PyTreeRestore(restore_args=kinds))
        state = manager.restore(step, args=args)["state"]
        return state.get("average") or state["params"]


def _fields(state: TrainState) -> dict[str, Any]:
    """The fields of a state; what not every stage has only if it is there."""
    fields = _fields_of(state)
    if state.codebook is not None:
        there = _fields_of(state.codebook).items()
        fields["codebook"] = {name: value for name, value in there if value is not None}
    optional = [name for name in ("discriminator", "average") if fields[name] is None]
    return {name: value for name, value in fields.items() if name not in optional}


def _fields_of(data: Any) -> dict[str, Any]:
    return {field.name: getattr(data, field.name) for field in dataclasses.fields(data)}


def _absolute(directory):
    """Orbax wants absolute paths; `gs://` ones are."""
    return directory if "://" in str(directory) else directory.absolute()
