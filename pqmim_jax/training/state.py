"""Everything a run needs to go on: parameters, optimiser, codebook averages, step."""

from typing import Any

import flax.struct
import jax
import optax

from pqmim_jax.training.codebook_state import CodebookState


@flax.struct.dataclass
class DiscriminatorState:
    """The second player of adversarial training, with its own optimiser."""

    params: Any  # parameter tree, float32
    opt_state: optax.OptState
    vectors: Any  # collection "spectral": power iterations of its kernels


@flax.struct.dataclass
class TrainState:
    """One stage's state; every leaf is saved in checkpoints."""

    step: jax.Array  # int32 scalar: optimiser steps taken
    params: Any  # parameter tree, float32
    opt_state: optax.OptState
    codebook: CodebookState | None  # of a trained autoencoder with codebooks
    discriminator: DiscriminatorState | None = None  # adversarial training only
    average: Any | None = None  # of the parameters over the steps, where a stage keeps one

    @property
    def trained(self) -> Any:
        """The parameters that a model is made of: their average if there is one."""
        return self.params if self.average is None else self.average
