"""Where perceptual training starts: a PQ-VAE, or the hyperprior baseline."""

from ml_collections import ConfigDict

from pqmim_jax import hyperprior_store, model_store
from pqmim_jax.hyperprior_store import StoredHyperprior
from pqmim_jax.training import trained_autoencoder
from pqmim_jax.training.config import ConfigError
from pqmim_jax.training.trained_autoencoder import TrainedAutoencoder

Start = TrainedAutoencoder | StoredHyperprior


def find_start(config, workdir) -> Start:
    """What `perceptual_training.start_from` names, or the pqvae stage of `workdir`.

    Raises:
      ConfigError, ModelError: there is no such model, or it is damaged.
    """
    source = config.perceptual_training.start_from
    if source and model_store.holds_model(source):
        if model_store.kind_of(source) == hyperprior_store.KIND:
            return hyperprior_store.load_hyperprior(source)
        return trained_autoencoder.of_model(source)
    found = trained_autoencoder.of_workdir(source or workdir, ("pqvae",))
    return found or trained_autoencoder.of_model(source or workdir)


def with_sections_of(start: Start, config) -> ConfigDict:
    """The config with the networks, and of a whole model the codec settings, that are there.

    The post-filter is as wide as `perceptual_training.post_filter_width` says.

    Raises:
      ConfigError: the start's is no wider, or it could not have one.
    """
    config = ConfigDict(config.to_dict())
    width = config.perceptual_training.post_filter_width
    depth = config.autoencoder.post_filter_depth
    if isinstance(start, StoredHyperprior):
        if width:
            raise ConfigError("post_filter_width: a hyperprior has no post-filter")
        config.hyperprior = ConfigDict(start.config)
        config.hyperprior_training.lambdas = tuple(start.lambdas)
        return config
    sections = start.model.config if start.model else {"autoencoder": start.section}
    for name, section in sections.items():
        config[name] = ConfigDict(section)
    if width:
        _set_width(config.autoencoder, width, depth)
    return config


def _set_width(section: ConfigDict, width: int, depth: int) -> None:
    had = section.get("post_filter_width", 0)
    if had and width >= had:
        raise ConfigError(
            f"post_filter_width: the start's post-filter has {had} channels and can only become "
            f"narrower, not {width}"
        )
    section.update(post_filter_width=width)
    if not had:
        section.update(post_filter_depth=depth)
