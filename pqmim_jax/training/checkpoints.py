"""Checkpoints of one stage: train state and data position, through orbax."""

from pathlib import Path
from typing import Any

import jax
import numpy as np
import orbax.checkpoint as ocp

from pqmim_jax.training.state import TrainState


class Checkpoints:
    """Asynchronous, atomic saves to `directory`; a half-written one is never restored."""

    def __init__(self, directory: Path, kept: int):
        """Opens (and creates) the directory; `kept` newest checkpoints stay."""
        options = ocp.CheckpointManagerOptions(max_to_keep=kept, cleanup_tmp_directories=True)
        self._manager = ocp.CheckpointManager(directory.absolute(), options=options)

    def latest_step(self) -> int | None:
        """Step of the newest complete checkpoint."""
        return self._manager.latest_step()

    def save(self, step: int, state: TrainState, data_state: Any) -> None:
        """Starts saving; returns once device buffers are copied. Saving a step twice is a no-op."""
        if step == self._manager.latest_step():
            return
        args = ocp.args.Composite(
            state=ocp.args.StandardSave(state), data=ocp.args.JsonSave(data_state)
        )
        with jax.transfer_guard("allow"):
            self._manager.save(step, args=args)

    def restore(self, like: TrainState) -> tuple[TrainState, Any]:
        """Newest checkpoint, with the shapes and shardings of `like`, and the data state."""
        step = self._manager.latest_step()
        args = ocp.args.Composite(state=ocp.args.StandardRestore(like), data=ocp.args.JsonRestore())
        restored = self._manager.restore(step, args=args)
        return restored["state"], restored["data"]

    def close(self) -> None:
        """Waits for saves under way."""
        self._manager.wait_until_finished()
        self._manager.close()


def restore_params(directory: Path) -> dict:
    """Parameters in the newest checkpoint, as a tree of NumPy arrays.

    Raises:
      ValueError: `directory` holds no checkpoint.
    """
    handlers = {"state": ocp.PyTreeCheckpointHandler()}
    with ocp.CheckpointManager(directory.absolute(), item_handlers=handlers) as manager:
        step = manager.latest_step()
        if step is None:
            raise ValueError(f"no checkpoint in {directory}")
        # As NumPy arrays: the devices that they were saved from need not be there.
        leaves = manager.item_metadata(step)["state"].tree
        kinds = jax.tree.map(lambda _: ocp.RestoreArgs(restore_type=np.ndarray), leaves)
        args = ocp.args.Composite(state=ocp.args.PyTreeRestore(restore_args=kinds))
        return manager.restore(step, args=args)["state"]["params"]
