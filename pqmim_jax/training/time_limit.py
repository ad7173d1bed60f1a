"""Training for a limited time: the share that is used up, agreed on by all processes."""

import math
import time

import jax
import numpy as np
import optax

from pqmim_jax.training.multihost import from_first_process
from pqmim_jax.training.partition import place
from pqmim_jax.training.state import TrainState

_LOOK_EVERY_S = 0.1  # between looks at the clock
_AGREE_EVERY = 10  # steps between looks at the first process's clock, where there are several


class TimeLimit:
    """The clock of a stage; without a limit it does nothing.

    The share lies in the optimiser's state, as `TimeState.spent`: the learning rate goes by it, and
    a run that goes on from a checkpoint has no more time than one that was not interrupted.
    """

    def __init__(self, max_seconds: float, state: TrainState, sharding):
        """The clock stands; `state` says how much was spent before, `sharding` is of scalars."""
        self._seconds, self._sharding = max_seconds, sharding
        self._share = float(optax.tree.get(state.opt_state, "spent", 0.0))
        self._before, self._began, self._looked = self._share, None, None

    @property
    def over(self) -> bool:
        """Whether the time is used up, as last looked."""
        return self._seconds > 0 and self._share >= 1

    @property
    def left_s(self) -> float:
        """Seconds that are left, as last looked; infinite without a limit."""
        return max(1 - self._share, 0.0) * self._seconds if self._seconds else math.inf

    def stamp(self, state: TrainState, step: int) -> TrainState:
        """The state before step `step`, with the share that is used up by now."""
        if not self._seconds or not self._due(step):
            return state
        jax.block_until_ready(state.step)  # else steps that wait to be run count as done
        self._looked = time.monotonic()
        self._began = self._began or self._looked
        share = self._before + (self._looked - self._began) / self._seconds
        with jax.transfer_guard("allow"):
            self._share = float(from_first_process(np.float32(share)))
            spent = place(np.float32(min(self._share, 1.0)), self._sharding)
        return state.replace(opt_state=optax.tree.set(state.opt_state, spent=spent))

    def _due(self, step: int) -> bool:
        if self._began is None:
            return True
        if jax.process_count() > 1:
            return step % _AGREE_EVERY == 0
        return time.monotonic() - self._looked >= _LOOK_EVERY_S
