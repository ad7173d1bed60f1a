"""What perceptual training asks of the model that it fine-tunes, whichever that is."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax

from pqmim_jax.training.codebook_state import CodebookState
from pqmim_jax.training.generator import GeneratorFn
from pqmim_jax.training.perceptual_step import Upkeep, no_upkeep
from pqmim_jax.training.state import TrainState


def no_usage(params: Any) -> CodebookState | None:
    """Of a model without codebooks."""
    del params


@dataclass(frozen=True)
class Subject:
    """Pure functions of one model; all but `finish` are traced."""

    pixels_per_latent: int  # f
    latent_channels: int  # of the condition that the discriminator may see
    init_params: Callable[[jax.Array], Any]  # of a random key: the tree to train
    generator_of: Callable[[TrainState], GeneratorFn]
    # (params, batch, *constants) -> {"mse", "psnr", and "lpips" if asked for}, each (B,)
    eval_fn: Callable[..., dict[str, jax.Array]]
    usage: Callable[[Any], CodebookState | None] = no_usage  # of parameters: codeword averages
    upkeep: Upkeep = no_upkeep
