"""A run's data: its training batches, and the first images for data-dependent initialisation."""

from pathlib import Path

import jax
import numpy as np
from jax.sharding import Mesh
from ml_collections import ConfigDict

from pqmim_jax.data import train_iterator
from pqmim_jax.training.config import ConfigError, to_json
from pqmim_jax.training.sharding import local_batch_size

STAGES = ("pqvae", "mim")


def stage_batches(config, stage: str, mesh: Mesh):
    """Checkpointable iterator over this process's share of the batches of a stage."""
    options = config[f"{stage}_training"]
    return train_iterator(
        _data_config(config, options.crop),
        batch_size=local_batch_size(options.batch_size, mesh),
        seed=config.seed + STAGES.index(stage),
        process_index=jax.process_index(),
        process_count=jax.process_count(),
    )


def first_images(config, stage: str) -> np.ndarray:
    """(N, crop, crop, 3) uint8, N = `initialise_images`; equal on all processes."""
    options = config[f"{stage}_training"]
    count = min(options.initialise_images, 16)
    batches = train_iterator(
        _data_config(config, options.crop), batch_size=count, seed=config.seed + 100
    )
    groups = [next(batches)["image"] for _ in range(-(-options.initialise_images // count))]
    batches.close()
    return np.concatenate(groups)[: options.initialise_images]


def check_crop(options, f: int) -> None:
    """ConfigError unless crops are whole tokens."""
    if options.crop % f:
        raise ConfigError(f"crop {options.crop} is not a multiple of the downsampling f = {f}")


def write_config(config, directory: Path) -> None:
    """Writes the resolved config of a stage to `directory`/config.json."""
    directory.mkdir(parents=True, exist_ok=True)
    if jax.process_index() == 0:
        (directory / "config.json").write_text(to_json(config) + "\n")


def _data_config(config, crop: int) -> ConfigDict:
    return ConfigDict({**config.data.to_dict(), "crop": crop})
