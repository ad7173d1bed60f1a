"""A whole run: config in, the stages that it names trained, a model folder out."""

from pathlib import Path

from pqmim_jax.training.batches import STAGES
from pqmim_jax.training.config import ConfigError
from pqmim_jax.training.mim_stage import train_mim
from pqmim_jax.training.pqvae_stage import train_pqvae
from pqmim_jax.training.sharding import build_mesh


def train(config, workdir: Path) -> None:
    """Trains `config.stages` in `workdir`, resuming from what it holds.

    Layout: `workdir/<stage>/{config.json, metrics.jsonl, checkpoints/}` and, after the MIM,
    `workdir/model/` for `Codec.load(workdir)`.

    Raises:
      ConfigError, DataError, ValueError: the config cannot be run, with the reason.
      TrainingError: the loss is not finite.
    """
    for stage in config.stages:
        if stage not in STAGES:
            raise ConfigError(f"unknown stage {stage!r}; choices: {', '.join(STAGES)}")
    mesh = build_mesh(config.mesh)
    if "pqvae" in config.stages:
        train_pqvae(config, workdir, mesh)
    if "mim" in config.stages:
        train_mim(config, workdir, mesh)
