"""Which checkpoints stay."""

import jax
import jax.numpy as jnp
import numpy as np
import orbax.checkpoint as ocp
import pytest
from ml_collections import ConfigDict

from pqmim_jax.training.checkpoints import Checkpoints, restore_params
from pqmim_jax.training.codebook_state import CodebookState, initial_state
from pqmim_jax.training.state import TrainState


def save_all(directory, scores, **options):
    """Saves a step for each score (None: without metrics); returns the steps that stay."""
    options = ConfigDict({"every": 1, "kept": 2, "keep_every": 0, "best": 0, **options})
    checkpoints = Checkpoints(directory, options, "validation/mse")
    for step, score in enumerate(scores, start=1):
        state = TrainState(jnp.int32(step), {"w": jnp.float32(step)}, (), None)
        metrics = None if score is None else {"validation/mse": score}
        checkpoints.save(step, state, {"taken": step}, metrics)
    checkpoints.close()
    return sorted(int(path.name) for path in directory.iterdir() if path.name.isdigit())


@pytest.mark.parametrize(
    ("options", "kept"),
    [
        ({}, [6, 7]),
        ({"kept": 1}, [7]),
        ({"keep_every": 3}, [3, 6, 7]),
        ({"best": 1}, [2, 6, 7]),
        ({"best": 2, "kept": 1}, [2, 4, 7]),
    ],
)
def test_newest_regular_and_best_checkpoints_stay(tmp_path, options, kept):
    scores = [5.0, 1.0, 4.0, 2.0, None, 3.0, None]
    assert save_all(tmp_path, scores, **options) == kept


def test_a_half_written_checkpoint_is_not_restored(tmp_path):
    save_all(tmp_path, [None, None])
    (tmp_path / "3.orbax-checkpoint-tmp").mkdir()
    (tmp_path / "3.orbax-checkpoint-tmp" / "state").mkdir()
    options = ConfigDict({"every": 1, "kept": 2, "keep_every": 0, "best": 0})
    checkpoints = Checkpoints(tmp_path, options, "validation/mse")
    assert checkpoints.latest_step() == 2
    like = jax.eval_shape(lambda: TrainState(jnp.int32(0), {"w": jnp.float32(0)}, (), None))
    state, data = checkpoints.restore(like)
    checkpoints.close()
    assert (int(state.step), float(state.params["w"]), data) == (2, 2.0, {"taken": 2})
    assert float(restore_params(tmp_path)["w"]) == 2


def test_a_checkpoint_from_before_there_were_discriminators_is_restored(tmp_path):
    fields = {
        "step": jnp.int32(4),
        "params": {"w": jnp.float32(2)},
        "opt_state": (),
        "codebook": None,
    }
    with ocp.CheckpointManager(tmp_path) as manager:
        saved = ocp.args.Composite(
            state=ocp.args.StandardSave(fields), data=ocp.args.JsonSave({"taken": 1})
        )
        manager.save(4, args=saved)
    options = ConfigDict({"every": 1, "kept": 2, "keep_every": 0, "best": 0})
    checkpoints = Checkpoints(tmp_path, options, "validation/mse")
    state, _ = checkpoints.restore(jax.eval_shape(lambda: TrainState(**fields)))
    checkpoints.close()
    assert (int(state.step), float(state.params["w"]), state.discriminator) == (4, 2.0, None)


@pytest.mark.parametrize("by_quality", [False, True])
def test_a_checkpoint_holds_shares_by_quality_where_they_are_kept(tmp_path, by_quality):
    usage = initial_state(jnp.ones((2, 4, 3)), 64, by_quality=by_quality)
    fields = {"step": jnp.int32(4), "params": {"w": jnp.float32(2)}, "opt_state": ()}
    if by_quality:
        fields["codebook"] = {"counts": usage.counts, "sums": usage.sums, "shares": usage.shares}
    else:  # as files were before there were any
        fields["codebook"] = {"counts": usage.counts, "sums": usage.sums}
    options = ConfigDict({"every": 1, "kept": 2, "keep_every": 0, "best": 0})
    state = TrainState(jnp.int32(4), {"w": jnp.float32(2)}, (), usage)
    with ocp.CheckpointManager(tmp_path / "old") as manager:
        saved = ocp.args.Composite(
            state=ocp.args.StandardSave(fields), data=ocp.args.JsonSave({"taken": 1})
        )
        manager.save(4, args=saved)
    checkpoints = Checkpoints(tmp_path / "new", options, "validation/mse")
    checkpoints.save(4, state, {"taken": 1}, None)
    checkpoints.close()
    for folder in ("old", "new"):
        checkpoints = Checkpoints(tmp_path / folder, options, "validation/mse")
        restored, _ = checkpoints.restore(jax.eval_shape(lambda: state))
        checkpoints.close()
        assert isinstance(restored.codebook, CodebookState)
        jax.tree.map(np.testing.assert_array_equal, restored.codebook, usage)
