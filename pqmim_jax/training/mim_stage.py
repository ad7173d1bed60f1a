"""Stage 2 of a run: the MIM on the frozen autoencoder, and the model folder that comes of it."""

import logging
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from pqmim_jax import model_store
from pqmim_jax.coding import counts_of_all
from pqmim_jax.masking import stage_map
from pqmim_jax.models import MaskedImageModel, build_autoencoder, build_mim
from pqmim_jax.training import (
    initialise_mim,
    integer_stage,
    pqvae_stage,
    rate,
    trained_autoencoder,
)
from pqmim_jax.training.batches import check_crop, first_images, stage_batches
from pqmim_jax.training.config import ConfigError
from pqmim_jax.training.loop import run_stage
from pqmim_jax.training.mim_step import build_mim_eval, build_mim_step
from pqmim_jax.training.multihost import from_first_process
from pqmim_jax.training.optimizer import build_optimizer
from pqmim_jax.training.partition import gather
from pqmim_jax.training.pqvae_loss import to_network
from pqmim_jax.training.stage import Stage, sizes_of
from pqmim_jax.training.state import TrainState
from pqmim_jax.training.warm_start import take_matching

_PRICE_ROUNDS = 3  # of choosing by frequencies and counting again


def train_mim(config, workdir, mesh) -> TrainState:
    """Trains (or goes on training) in `workdir`/mim, writes `workdir`/model."""
    source = config.mim_training.autoencoder or workdir
    start = trained_autoencoder.of_workdir(source) or trained_autoencoder.of_model(source)
    section, frozen = start.section, start.params
    stage = mim_stage(config, section)
    counts = training_set_counts(config, section, frozen)
    constants = (frozen, np.asarray(rate.static_bits(counts + 0.5)))

    def start() -> dict[str, Any]:
        return start_values(config, section, frozen, counts)

    batches = stage_batches(config, stage.name, mesh)
    state = run_stage(stage, constants, start, batches, config, mesh, workdir / stage.name)
    params = gather(state.trained, mesh)
    if jax.process_index() == 0:
        folder = workdir / model_store.WORKDIR_FOLDER
        images = first_images(config, "mim")[: config.mim_training.calibration_windows]
        windows = integer_stage.picture_windows(
            section, frozen, images, counts, config.codec.rate_weights
        )
        write_model(config, section, frozen, params, counts, windows, folder)
    return state


def mim_stage(config, section) -> Stage:
    """Functions and shapes of the stage, for an autoencoder with config `section`."""
    options = config.mim_training
    autoencoder = build_autoencoder(section)
    model = build_mim(config.mim, section, remat=options.remat)
    check_crop(options, autoencoder.f)
    grid = (options.crop // autoencoder.f, section.num_codebooks)
    stages = training_stage_map(config.codec, options.schedule, *grid)
    weights = rate.quality_weights(
        config.codec.rate_weights, options.rate_scale, section.num_codebooks
    )
    tx = build_optimizer(options)

    def init(key: jax.Array) -> TrainState:
        params = init_params(model, key, stages.shape)
        return TrainState(jnp.int32(0), params, tx.init(params), None)

    frozen = jax.eval_shape(
        lambda key: pqvae_stage.init_params(autoencoder, key), jax.random.key(0)
    )
    prices = (section.num_codebooks, section.num_codewords)
    if config.codec.counts_by_quality:
        prices = (section.num_codebooks, *prices)
    step_fn = build_mim_step(model, autoencoder, tx, jnp.asarray(stages), options, weights)
    return Stage(
        name="mim",
        **sizes_of(options),
        init=init,
        step_fn=step_fn,
        eval_fn=build_mim_eval(model, autoencoder, jnp.asarray(stages)),
        constants=(frozen, jax.ShapeDtypeStruct(prices, jnp.float32)),
        headline="bits_per_index",
        score="bits_per_pixel",
    )


def start_values(config, section, frozen: dict, counts: np.ndarray) -> dict[str, Any]:
    """Parameters of the first state: by the codewords, and by another model if one is named.

    Host arrays, equal on all processes.
    """
    options = config.mim_training
    model = build_mim(config.mim, section)
    side = options.crop // section.f
    grid = (side, side, section.num_codebooks)
    params = jax.jit(lambda key: init_params(model, key, grid))(jax.random.key(config.seed))
    codebooks = np.asarray(frozen["quantizer"]["codebooks"])
    key = jax.random.key(config.seed + 1)
    params = initialise_mim.initialise(model, params, counts_of_all(counts), codebooks, key)
    if options.start_from:
        params = take_matching(params, model_store.load_float_mim(options.start_from))
    return from_first_process({"params": jax.tree.map(np.asarray, params)})


def init_params(model: MaskedImageModel, key: jax.Array, grid: tuple[int, int, int]) -> dict:
    """Random parameters for windows of `grid` = (h, w, M), float32."""
    indices = jnp.zeros((1, *grid), jnp.int32)
    return model.init(key, indices, indices, jnp.ones(1, jnp.int32))["params"]


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


def training_set_counts(config, section, frozen: dict) -> np.ndarray:
    """Codeword counts over some training crops, int64, equal on all processes.

    Where the MIM learns from rate-aware choices, of those that a quality makes: frequencies and
    choices are iterated towards each other.

    Returns:
      (M, K), of quality M; with `codec.counts_by_quality` (M, M, K): row q - 1 is of quality q, 0
      for the sub-quantizers that it does not send.
    """
    autoencoder = build_autoencoder(section)
    each, by_quality = np.arange(section.num_codebooks), config.codec.counts_by_quality
    qualities = each + 1 if by_quality else each[-1:] + 1
    sent = (each < qualities[:, None])[..., None]
    weights = rate.quality_weights(
        config.codec.rate_weights, config.mim_training.rate_scale, section.num_codebooks
    )
    images = first_images(config, "mim")
    if not len(images):
        raise ConfigError("mim_training.initialise_images must be >= 1: codewords are counted")

    @jax.jit
    def count_in(crops, penalties):
        image = to_network(crops)
        distances = autoencoder.apply({"params": frozen}, image, method="distances")

        def count_at(penalty):
            indices = jnp.argmin(distances + penalty, axis=-1)
            return jax.nn.one_hot(indices, distances.shape[-1], dtype=jnp.int32).sum((0, 1, 2))

        return jax.lax.map(count_at, penalties)

    def count(penalties) -> np.ndarray:
        parts = (images[i : i + 8] for i in range(0, len(images), 8))
        return sent * sum(np.asarray(count_in(part, penalties), np.int64) for part in parts)

    counts = count(np.zeros(len(qualities), np.float32))
    for _ in range(0 if weights is None else _PRICE_ROUNDS):
        bits = rate.static_bits(counts + 0.5)[:, None, None]
        counts = count(rate.penalty(bits, weights[qualities - 1]))
    return from_first_process(counts if by_quality else counts[0])


def write_model(config, section, frozen, params, counts, windows: np.ndarray, path) -> None:
    """Writes the model folder of a trained MIM and its autoencoder; see `model_store`.

    Whatever they were trained in, a codec's autoencoder computes in single precision at least: half
    precision is for accelerators, and slow on the machines that most files are decoded on. Its MIM
    computes in integers.

    Args:
      windows: to calibrate them, see `integer_stage.convert`.
    """
    networks = {"autoencoder": section, "mim": config.mim}
    sections = {name: {**value.to_dict(), "dtype": "float32"} for name, value in networks.items()}
    sections["codec"] = config.codec.to_dict()
    params = jax.tree.map(lambda a: np.asarray(a, np.float16).astype(np.float32), params)
    mim = integer_stage.convert(sections, params, windows)
    cost = integer_stage.cost(sections, params, mim, windows[: integer_stage.MEASURED])
    logging.info("MIM in integers: %+.2f%% bits on its calibration windows", 100 * cost)
    model_store.save_model(path, sections, frozen, mim, counts, params)
