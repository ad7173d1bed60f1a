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

    A post-filter is added where `perceptual_training.add_post_filter` asks for one.

    Raises:
      ConfigError: the start has a post-filter, or could not have one.
    """
    config = ConfigDict(config.to_dict())
    width, depth = config.perceptual_training.add_post_filter, config.autoencoder.post_filter_depth
    if isinstance(start, StoredHyperprior):
        if width:
            raise ConfigError("add_post_filter: a hyperprior has no post-filter")
        config.hyperprior = ConfigDict(start.config)
        config.hyperprior_training.lambdas = tuple(start.lambdas)
        return config
    sections = start.model.config if start.model else {"autoencoder": start.section}
    for name, section in sections.items():
        config[name] = ConfigDict(section)
    if width:
        if config.autoencoder.get("post_filter_width"):
            raise ConfigError("add_post_filter: the start has a post-filter already")
        config.autoencoder.update(post_filter_width=width, post_filter_depth=depth)
    return config
