"""Trained autoencoders that a later stage starts from: of a workdir or of a model folder."""

from dataclasses import dataclass

from etils import epath
from ml_collections import ConfigDict

from pqmim_jax import model_store
from pqmim_jax.training.checkpoints import restore_params
from pqmim_jax.training.config import ConfigError, from_json


@dataclass(frozen=True)
class TrainedAutoencoder:
    """An autoencoder, and the model that it belongs to if there is one."""

    section: ConfigDict  # its section `autoencoder` of the config
    params: dict  # NumPy float32
    model: model_store.StoredModel | None


def of_workdir(workdir, stages=("perceptual", "pqvae")) -> TrainedAutoencoder | None:
    """From the newest checkpoint of the first of `stages` that `workdir` holds, if any."""
    for stage in stages:
        saved = epath.Path(workdir) / stage / "config.json"
        if saved.exists():
            section = from_json(saved.read_text()).autoencoder
            params = restore_params(saved.parent / "checkpoints")
            return TrainedAutoencoder(ConfigDict(section.to_dict()), params, None)
    return None


def of_model(source) -> TrainedAutoencoder:
    """From a packaged model's name, a model folder or a workdir with one.

    Raises:
      ConfigError: there is none.
    """
    try:
        stored = model_store.load_model(source)
    except model_store.ModelError as error:
        raise ConfigError(f"no trained autoencoder in {source}: train the pqvae stage") from error
    return TrainedAutoencoder(ConfigDict(stored.config["autoencoder"]), stored.autoencoder, stored)
