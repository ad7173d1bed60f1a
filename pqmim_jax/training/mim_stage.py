"""Stage 2 of a run: the MIM on the frozen autoencoder, and the model folder that comes of it."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh
from ml_collections import ConfigDict

from pqmim_jax import model_store
from pqmim_jax.masking import stage_map
from pqmim_jax.models import Autoencoder, MaskedImageModel, build_autoencoder, build_mim
from pqmim_jax.training import initialise_mim
from pqmim_jax.training.batches import check_crop, first_images, stage_batches, write_config
from pqmim_jax.training.checkpoints import restore_params
from pqmim_jax.training.config import ConfigError, from_json
from pqmim_jax.training.loop import Stage, run_stage
from pqmim_jax.training.mim_step import build_mim_step
from pqmim_jax.training.optimizer import build_optimizer
from pqmim_jax.training.pqvae_step import to_network
from pqmim_jax.training.state import TrainState


def train_mim(config, workdir: Path, mesh: Mesh) -> TrainState:
    """Trains (or goes on training) in `workdir`/mim, writes `workdir`/model."""
    options = config.mim_training
    section, frozen = load_autoencoder(config, workdir)
    autoencoder = build_autoencoder(section)
    model = build_mim(config.mim, section)
    check_crop(options, autoencoder.f)
    grid = (options.crop // autoencoder.f, section.num_codebooks)
    stages = training_stage_map(config.codec, options.schedule, *grid)
    counts = _training_set_counts(config, autoencoder, frozen)
    tx = build_optimizer(options)
    write_config(config, workdir / "mim")

    def random_state(key: jax.Array) -> TrainState:
        params = init_params(model, key, stages.shape)
        return TrainState(jnp.int32(0), params, tx.init(params), None)

    def initial() -> TrainState:
        state = jax.jit(random_state)(jax.random.key(config.seed))
        codebooks = np.asarray(frozen["quantizer"]["codebooks"])
        key = jax.random.key(config.seed + 1)
        params = initialise_mim.initialise(model, state.params, counts, codebooks, key)
        if options.start_from:
            stored = model_store.load_model(options.start_from).mim
            params = initialise_mim.take_matching(params, stored)
        return state.replace(params=params)

    step_fn = build_mim_step(model, autoencoder, tx, jnp.asarray(stages), options)
    stage = Stage("mim", options.steps, options.batch_size, step_fn, (frozen,), "bits_per_index")
    shapes = jax.eval_shape(random_state, jax.random.key(0))
    batches = stage_batches(config, "mim", mesh)
    state = run_stage(stage, shapes, initial, batches, config, mesh, workdir / "mim")
    if jax.process_index() == 0:
        _write_model(
            config, section, frozen, state.params, counts, workdir / model_store.WORKDIR_FOLDER
        )
    return state


def init_params(model: MaskedImageModel, key: jax.Array, grid: tuple[int, int, int]) -> dict:
    """Random parameters for windows of `grid` = (h, w, M), float32."""
    indices = jnp.zeros((1, *grid), jnp.int32)
    return model.init(key, indices, indices)["params"]


def training_stage_map(codec, schedule: str, side: int, num_codebooks: int) -> np.ndarray:
    """Stages as a coding window sees them: the schedule repeats from window to window.

    Returns:
      (side, side, M) int32: `schedule` on a window of `codec.window` tokens, continued
      periodically `codec.halo` tokens outwards.
    """
    window, halo = codec.window, codec.halo
    if side != window + 2 * halo:
        raise ConfigError(f"mim_training.crop must span window + 2 * halo tokens, got {side}")
    stages = stage_map(schedule, (window, window, num_codebooks))
    return np.pad(stages, ((halo, halo), (halo, halo), (0, 0)), mode="wrap")


def load_autoencoder(config, workdir: Path) -> tuple[ConfigDict, dict]:
    """Config section and parameters of the trained stage 1.

    From `mim_training.autoencoder` (a workdir or a model folder; the section is the one stored
    there) or, if that is empty, from `workdir`.
    """
    source = Path(config.mim_training.autoencoder or workdir)
    saved = source / "pqvae" / "config.json"
    if saved.exists():
        section = from_json(saved.read_text()).autoencoder
        params = restore_params(source / "pqvae" / "checkpoints")
        return ConfigDict(section.to_dict()), params
    try:
        stored = model_store.load_model(source)
    except model_store.ModelError as error:
        raise ConfigError(f"no trained autoencoder in {source}: train the pqvae stage") from error
    return ConfigDict(stored.config["autoencoder"]), stored.autoencoder


def _training_set_counts(config, autoencoder: Autoencoder, frozen: dict) -> np.ndarray:
    """(M, K) int64 codeword counts over some training crops."""
    encode = jax.jit(
        lambda images: autoencoder.apply({"params": frozen}, to_network(images), method="indices")
    )
    images = first_images(config, "mim")
    indices = [np.asarray(encode(images[i : i + 8])) for i in range(0, len(images), 8)]
    return initialise_mim.codeword_counts(np.concatenate(indices), autoencoder.num_codewords)


def _write_model(config, section, frozen, params, counts: np.ndarray, path: Path) -> None:
    sections = {"autoencoder": section, "mim": config.mim, "codec": config.codec}
    model_store.save_model(
        path,
        {name: value.to_dict() for name, value in sections.items()},
        jax.device_get(frozen),
        jax.device_get(params),
        counts,
    )
