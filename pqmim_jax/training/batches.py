"""A run's data: training and validation batches, and the first images to initialise from."""

import jax
import numpy as np
from jax.sharding import Mesh
from ml_collections import ConfigDict

from pqmim_jax.data import eval_batches, load_tiles, train_iterator
from pqmim_jax.training.config import ConfigError, to_json
from pqmim_jax.training.sharding import local_rows
from pqmim_jax.training.tiles import TileBatches

# A stage's place decides about the seed of its data: new ones go to the end.
STAGES = ("pqvae", "mim", "hyperprior", "perceptual")


def stage_batches(config, stage: str, mesh: Mesh):
    """Checkpointable iterator over this process's share of the batches of a stage.

    With `data.tile` a `TileBatches`, whose steps take their batches from its tiles.
    """
    options, seed = config[f"{stage}_training"], config.seed + STAGES.index(stage)
    if config.data.tile:
        if config.data.augmentation != "rescaled_crop":
            raise ConfigError("data.tile needs data.augmentation=rescaled_crop")
        return TileBatches(load_tiles(config.data, seed=seed), flip=config.data.flip)
    return train_iterator(
        _data_config(config, options.crop),
        batch_size=options.batch_size,
        rows=local_rows(options.batch_size, mesh),
        seed=seed,
    )


def validation_batches(config, stage: str, mesh: Mesh):
    """One pass over this process's share of the validation images; see `eval_batches`."""
    data = _data_config(config, config[f"{stage}_training"].crop)
    data.source = config.validation.source
    size = config.validation.batch_size
    return eval_batches(data, batch_size=size, rows=local_rows(size, mesh))


def first_images(config, stage: str) -> np.ndarray:
    """(N, crop, crop, 3) uint8, N = `initialise_images`; equal on all processes."""
    options = config[f"{stage}_training"]
    wanted = options.initialise_images
    if wanted == 0:
        return np.zeros((0, options.crop, options.crop, 3), np.uint8)
    count = min(wanted, 16)
    data = _data_config(config, options.crop)
    batches = train_iterator(data, batch_size=count, seed=config.seed + 100)
    groups = [next(batches)["image"] for _ in range(-(-wanted // count))]
    batches.close()
    return np.concatenate(groups)[:wanted]


def check_crop(options, f: int) -> None:
    """ConfigError unless crops are whole tokens."""
    if options.crop % f:
        raise ConfigError(f"crop {options.crop} is not a multiple of the downsampling f = {f}")


def write_config(config, directory) -> None:
    """Writes the resolved config of a stage to `directory`/config.json."""
    directory.mkdir(parents=True, exist_ok=True)
    if jax.process_index() == 0:
        (directory / "config.json").write_text(to_json(config) + "\n")


def _data_config(config, crop: int) -> ConfigDict:
    return ConfigDict({**config.data.to_dict(), "crop": crop})
