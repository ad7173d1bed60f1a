"""Batches of encoded pictures that lie in memory."""

import numpy as np


class CodeBatches:
    """Endless, checkpointable iterator over {"indices": int32 (len(rows), h, w, M)}.

    Every grid once an epoch, in an order drawn from the seed and the epoch's number; batches run
    on across epochs. A batch is a function of its number, so a resumed run goes on exactly.
    """

    def __init__(self, codes: np.ndarray, batch_size: int, seed: int, rows: np.ndarray):
        """Begins with batch 0.

        Args:
          codes: (N, h, w, M) integers, N >= 1.
          batch_size: of all processes together.
          seed: >= 0.
          rows: which rows of every global batch this process takes, ascending.
        """
        self._codes, self._batch_size, self._seed, self._rows = codes, batch_size, seed, rows
        self._taken = 0
        self._orders: dict[int, np.ndarray] = {}

    def __next__(self) -> dict[str, np.ndarray]:
        """The next batch."""
        places = self._taken * self._batch_size + self._rows
        self._taken += 1
        records = [self._record(int(place)) for place in places]
        return {"indices": self._codes[records].astype(np.int32)}

    def get_state(self) -> dict:
        """How many batches were taken; JSON-able."""
        return {"batches": self._taken}

    def set_state(self, state: dict) -> None:
        """Goes on from a `get_state`."""
        self._taken = int(state["batches"])

    def close(self) -> None:
        """Nothing to release."""

    def _record(self, place: int) -> int:
        epoch, row = divmod(place, len(self._codes))
        if epoch not in self._orders:
            order = np.random.default_rng([self._seed, epoch]).permutation(len(self._codes))
            last = self._orders.get(epoch - 1)
            self._orders = {epoch: order} if last is None else {epoch - 1: last, epoch: order}
        return int(self._orders[epoch][row])
