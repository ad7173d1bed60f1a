"""A pass over validation images: every image counted once, on any number of hosts."""

from collections.abc import Callable

import jax
import numpy as np

from pqmim_jax.training.batches import validation_batches
from pqmim_jax.training.sharding import local_rows, place_batch
from pqmim_jax.training.stage import Layout, Stage


class Validation:
    """Runs `stage.eval_fn` over `config.validation.source`, images split over the mesh."""

    def __init__(self, stage: Stage, config, layout: Layout, constants: tuple):
        """Opens nothing yet; `constants` are the arrays that `stage.eval_fn` takes last."""
        self._stage, self._config, self._layout = stage, config, layout
        self._constants = constants
        self._sums = jax.jit(_masked_sums(stage.eval_fn), out_shardings=layout.replicated)
        self._rows = local_rows(config.validation.batch_size, layout.mesh)

    def due(self, step: int, last: bool) -> bool:
        """Whether a pass follows `step`, which may be the `last` one."""
        every = self._config.validation.every
        return bool(self._config.validation.source) and (last or (every > 0 and step % every == 0))

    def run(self, params) -> dict[str, float]:
        """Mean of every metric over all images, by the name `validation/METRIC`."""
        totals: dict[str, np.ndarray] = {}
        batches = validation_batches(self._config, self._stage.name, self._layout.mesh)
        size = self._config.validation.batch_size
        for batch in batches:
            placed = place_batch(batch, self._rows, size, self._layout.mesh)
            sums = jax.device_get(self._sums(params, placed, *self._constants))
            totals = {name: totals.get(name, 0.0) + value for name, value in sums.items()}
        batches.close()
        count = totals.pop("count")
        return {f"validation/{name}": float(total / count) for name, total in totals.items()}


def _masked_sums(eval_fn: Callable) -> Callable:
    def sums(params, batch, *constants):
        valid = batch["valid"]
        values = eval_fn(params, batch, *constants)
        masked = {name: (value * valid).sum() for name, value in values.items()}
        return {**masked, "count": valid.sum()}

    return sums
