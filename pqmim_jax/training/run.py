"""A whole run: config in, the stages that it names trained, a model folder out."""

from etils import epath

from pqmim_jax.training.batches import STAGES
from pqmim_jax.training.config import ConfigError
from pqmim_jax.training.hyperprior_stage import train_hyperprior
from pqmim_jax.training.mim_stage import train_mim
from pqmim_jax.training.perceptual_stage import train_perceptual
from pqmim_jax.training.pqvae_stage import train_pqvae
from pqmim_jax.training.sharding import build_mesh


def train(config, workdir) -> None:
    """Trains `config.stages` in `workdir`, resuming from what it holds.

    In a run of several processes all of them call this, after `multihost.join`. `workdir` is a
    path or a URL that `etils.epath` knows (gs://BUCKET/PATH), seen by all processes.

    Layout: `workdir/<stage>/{config.json, metrics.jsonl, timing.jsonl, checkpoints/}` and, after
    the MIM or a perceptual stage that keeps one, `workdir/model/` for `Codec.load(workdir)`;
    after the hyperprior, the same folder for `HyperpriorCodec.load(workdir)`.

    Raises:
      ConfigError, DataError, ValueError: the config cannot be run, with the reason.
      TrainingError: the loss is not finite, or another process of the run is gone.
    """
    for stage in config.stages:
        if stage not in STAGES:
            raise ConfigError(f"unknown stage {stage!r}; choices: {', '.join(STAGES)}")
    for name, steps in (
        ("log_every", config.log_every),
        ("checkpoints.every", config.checkpoints.every),
    ):
        if steps < 1:
            raise ConfigError(f"{name} must be >= 1 step, got {steps}")
    if {"mim", "hyperprior"} <= set(config.stages):
        raise ConfigError("stages mim and hyperprior each write a model: give each a workdir")
    workdir = epath.Path(workdir)
    mesh = build_mesh(config.mesh)
    if "pqvae" in config.stages:
        train_pqvae(config, workdir, mesh)
    if "perceptual" in config.stages:
        train_perceptual(config, workdir, mesh)
    if "mim" in config.stages:
        train_mim(config, workdir, mesh)
    if "hyperprior" in config.stages:
        train_hyperprior(config, workdir, mesh)
