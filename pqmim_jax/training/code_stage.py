"""The MIM trained on indices that were encoded before: without pictures and autoencoder a step is
several times cheaper, and many MIMs can share one encoding.
"""

from dataclasses import dataclass, fields

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh

from pqmim_jax.models import build_mim
from pqmim_jax.training import integer_stage
from pqmim_jax.training.code_batches import CodeBatches
from pqmim_jax.training.config import ConfigError
from pqmim_jax.training.initialise_mim import codeword_counts
from pqmim_jax.training.loop import run_stage
from pqmim_jax.training.mim_stage import (
    mim_stage,
    start_values,
    training_stage_map,
    write_model,
)
from pqmim_jax.training.mim_step import build_code_step
from pqmim_jax.training.optimizer import build_optimizer
from pqmim_jax.training.partition import gather
from pqmim_jax.training.sharding import local_rows
from pqmim_jax.training.stage import Stage


@dataclass(frozen=True)
class CodeStage(Stage):
    """A stage whose batches are {"indices": int32 (batch_size, *grid)}."""

    grid: tuple[int, int, int]  # (h, w, M)

    def batch_shapes(self) -> dict[str, jax.ShapeDtypeStruct]:
        """A global batch."""
        return {"indices": jax.ShapeDtypeStruct((self.batch_size, *self.grid), np.int32)}


def code_stage(config, section) -> CodeStage:
    """The stage "mim" on indices, for an autoencoder with config `section`.

    Raises:
      ConfigError: it asks for what needs pictures: rate-aware choices, validation.
    """
    options = config.mim_training
    if options.rate_scale:
        raise ConfigError("mim_training.rate_scale must be 0 where the MIM trains on indices")
    if config.codec.counts_by_quality:
        raise ConfigError(
            "codec.counts_by_quality must be False where the MIM trains on indices: they are the "
            "same at every quality"
        )
    if config.validation.source:
        raise ConfigError('validation.source must be "" where the MIM trains on indices')
    base = mim_stage(config, section)
    side = options.crop // section.f
    stages = training_stage_map(config.codec, options.schedule, side, section.num_codebooks)
    model = build_mim(config.mim, section, remat=options.remat)
    step_fn = build_code_step(model, build_optimizer(options), jnp.asarray(stages), options)
    values = {field.name: getattr(base, field.name) for field in fields(Stage)}
    return CodeStage(**{**values, "step_fn": step_fn, "constants": ()}, grid=stages.shape)


def train_on_codes(config, section, frozen: dict, codes: np.ndarray, directory, mesh: Mesh) -> None:
    """Trains (or goes on training) in `directory`/mim, writes the model folder `directory`/model.

    Args:
      section: config section of the autoencoder that the codes are from.
      frozen: its parameters.
      codes: (N, h, w, M) indices of crops of `mim_training.crop` pixels a side.
      directory: `etils.epath.Path`.

    Raises:
      ConfigError: as `code_stage`, or there are no codes of the right shape.
      TrainingError, Interrupted: as `run_stage`.
    """
    stage = code_stage(config, section)
    if not len(codes) or codes.shape[1:] != stage.grid:
        raise ConfigError(f"codes of shape (N, {stage.grid}) are needed, got {codes.shape}")
    counts = codeword_counts(codes, section.num_codewords)
    rows = local_rows(stage.batch_size, mesh)
    batches = CodeBatches(codes, stage.batch_size, config.seed, rows)
    state = run_stage(
        stage,
        (),
        lambda: start_values(config, section, frozen, counts),
        batches,
        config,
        mesh,
        directory / stage.name,
    )
    params = gather(state.trained, mesh)
    if jax.process_index() == 0:
        some = codes[: config.mim_training.calibration_windows]
        windows = integer_stage.up_to_qualities(np.asarray(some, np.int32))
        write_model(config, section, frozen, params, counts, windows, directory / "model")
