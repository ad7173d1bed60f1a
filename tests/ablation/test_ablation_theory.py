"""What must hold of any schedule, on a field of indices whose entropy is known.

Along each row the indices form a Markov chain: they stay with probability 0.9, else they are drawn
anew. Rows are independent of each other, and so are sub-quantizers.
"""

import itertools
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from pqmim_jax import model_store
from pqmim_jax.ablation import bits
from pqmim_jax.codec.order import CodingOrder
from pqmim_jax.codec.programs import Programs
from pqmim_jax.codec.windows import WindowGrid
from pqmim_jax.coding import PqmError
from pqmim_jax.masking import SPATIAL_ORDERS, stage_count
from pqmim_jax.models import build_mim
from pqmim_jax.training import integer_stage
from pqmim_jax.training.mim_stage import training_stage_map
from pqmim_jax.training.mim_step import build_code_step
from pqmim_jax.training.random_model import tiny_config
from pqmim_jax.training.state import TrainState

STAY, LETTERS, M = 0.9, 4, 4
SAME = STAY + (1 - STAY) / LETTERS
ENTROPY = -SAME * np.log2(SAME) - (1 - SAME) * np.log2((1 - SAME) / (LETTERS - 1))
ALL = "qlds(stages=16)"  # a window has 4 x 4 tokens: one a stage
ORDERS = ("one_shot", "qlds(stages=2)", "qlds(stages=4)", ALL)
STEPS = 250
CALIBRATED_ON = 16  # windows


def field(rng, *shape):
    """(..., h, w, M): Markov chains along w."""
    fresh = rng.integers(0, LETTERS, (*shape, M))
    stays = rng.random((*shape, M)) < STAY
    for column in range(1, shape[-1]):
        now, before = fresh[..., column, :], fresh[..., column - 1, :]
        now[...] = np.where(stays[..., column, :], before, now)
    return fresh.astype(np.int32)


def trained(config, start):
    """Parameters of a MIM that has seen raster order and random masks of such fields."""
    side = config.codec.window + 2 * config.codec.halo
    stages = training_stage_map(config.codec, config.mim_training.schedule, side, M)
    model = build_mim(config.mim, config.autoencoder)
    tx = optax.chain(optax.clip_by_global_norm(1.0), optax.adam(1e-2))
    step = jax.jit(build_code_step(model, tx, jnp.asarray(stages), config.mim_training))
    params = jax.tree.map(lambda leaf: jnp.asarray(leaf, jnp.float32), start)
    state = TrainState(jnp.int32(0), params, jax.jit(tx.init)(params), None)
    codes = field(np.random.default_rng(0), STEPS, 32, side, side)
    for batch in codes:
        state, _ = step(state, {"indices": batch}, jax.random.key(1))
    return jax.device_get(state.params)


@pytest.fixture(scope="module")
def programs(tiny_model):
    config = tiny_config()
    config.mim.head = "independent"
    config.mim_training.update(schedule="raster", schedule_share=0.5, mask="power(exponent=1.5)")
    config.mim_training.update(leading_share=0.0, full_quality_share=1.0)
    start = model_store.load_float_mim(tiny_model)
    head = {name: value for name, value in start["head"].items() if name != "token"}
    # Every training starts with the frequencies of the letters; without them it hardly moves.
    seen = np.arange(head["output_bias"].shape[-1]) < LETTERS
    head["output_bias"] = np.broadcast_to(np.where(seen, 0.0, -8.0), head["output_bias"].shape)
    mim = trained(config, {**start, "head": head})
    stored = model_store.load_model(tiny_model)
    sections = {**stored.config, "mim": config.mim.to_dict()}
    side = config.codec.window + 2 * config.codec.halo
    windows = field(np.random.default_rng(2), CALIBRATED_ON, side, side)
    integers = integer_stage.convert(sections, mim, windows)
    return Programs(replace(stored, config=sections, mim=integers))


@pytest.fixture(scope="module")
def held_out():
    return field(np.random.default_rng(1), 24, 24)


def order_of(schedule):
    window, halo = tiny_config().codec.window, tiny_config().codec.halo
    return CodingOrder(WindowGrid(24 * 16, 24 * 16, 16, window, halo), M, M, schedule)


@pytest.fixture(scope="module")
def spent(programs, held_out):
    """Bits an index of the orders of `ORDERS`, and of every spatial order."""
    schedules = dict.fromkeys([*ORDERS, *SPATIAL_ORDERS])
    return {
        schedule: bits.encode(programs, order_of(schedule), held_out).stage_bits.sum()
        / held_out.size
        for schedule in schedules
    }


def test_bits_fall_as_stages_grow(spent):
    assert [stage_count(schedule, (4, 4, M)) for schedule in ORDERS] == [1, 2, 4, 16]
    found = [spent[schedule] for schedule in ORDERS]
    assert all(more < less - 0.02 for less, more in itertools.pairwise(found)), found


def test_one_shot_is_the_worst_and_knows_nothing(spent):
    assert spent["one_shot"] == pytest.approx(np.log2(LETTERS), abs=0.05)
    assert max(spent, key=spent.get) == "one_shot"
    assert sorted(spent.values())[-2] < spent["one_shot"] - 0.2


def test_with_a_token_a_stage_the_order_does_not_matter(spent):
    """The chain rule: any order of single tokens costs their joint entropy."""
    assert spent["raster"] == pytest.approx(spent[ALL], abs=0.1)
    assert spent["raster"] < spent["one_shot"] - 0.5
    # In each window 3 of 4 tokens of a row follow a known one; nobody can spend less than that.
    assert min(spent.values()) > 0.75 * ENTROPY + 0.25 * np.log2(LETTERS) - 0.05


def test_a_schedule_that_the_decoder_does_not_have_is_caught(programs, held_out):
    payload = bits.encode(programs, order_of("raster"), held_out).payload
    decoded, _ = bits.decode(programs, order_of("raster"), payload)
    np.testing.assert_array_equal(decoded, held_out)
    for other in ("one_shot", ALL, "qlds(stages=16,alpha=1.0)"):
        with pytest.raises((PqmError, bits.RoundTripError)):
            bits.decode(programs, order_of(other), payload)
