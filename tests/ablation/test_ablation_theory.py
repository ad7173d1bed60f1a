"""What must hold of any schedule, on a field of indices whose entropy is known.

Along each row the indices form a Markov chain: they stay with probability 0.9, else they are drawn
anew. Rows are independent of each other, and so are sub-quantizers.
"""

import itertools

import numpy as np
import pytest
from etils import epath
from ml_collections import FrozenConfigDict

from pqmim_jax import model_store
from pqmim_jax.ablation import bits
from pqmim_jax.codec.order import CodingOrder
from pqmim_jax.codec.programs import Programs
from pqmim_jax.codec.windows import WindowGrid
from pqmim_jax.training.code_stage import train_on_codes
from pqmim_jax.training.random_model import tiny_config
from pqmim_jax.training.sharding import build_mesh

STAY, LETTERS, M = 0.9, 4, 4
SAME = STAY + (1 - STAY) / LETTERS
ENTROPY = -SAME * np.log2(SAME) - (1 - SAME) * np.log2((1 - SAME) / (LETTERS - 1))


def field(rng, *shape):
    """(..., h, w, M): Markov chains along w."""
    fresh = rng.integers(0, LETTERS, (*shape, M))
    stays = rng.random((*shape, M)) < STAY
    for column in range(1, shape[-1]):
        now, before = fresh[..., column, :], fresh[..., column - 1, :]
        now[...] = np.where(stays[..., column, :], before, now)
    return fresh


@pytest.fixture(scope="module")
def measure(tiny_model, tmp_path_factory):
    """Function schedule -> bits an index, of a MIM trained on raster order and random masks."""
    config = tiny_config()
    config.mim.head = "independent"
    config.mim_training.update(crop=96, steps=150, batch_size=32, learning_rate=5e-3)
    config.mim_training.update(schedule="raster", schedule_share=0.5, mask="power(exponent=1.5)")
    config.mim_training.update(leading_share=0.0, full_quality_share=1.0)
    config.checkpoints.every = 1000
    config.log_every = 50
    frozen = model_store.load_model(tiny_model).autoencoder
    folder = epath.Path(tmp_path_factory.mktemp("markov"))
    rng = np.random.default_rng(0)
    config = FrozenConfigDict(config)
    train_on_codes(
        config, config.autoencoder, frozen, field(rng, 2048, 6, 6), folder, build_mesh(config.mesh)
    )
    programs = Programs(model_store.load_model(folder / "model"))
    held_out = field(rng, 24, 24).astype(np.int32)
    grid = WindowGrid(24 * 16, 24 * 16, 16, config.codec.window, config.codec.halo)

    def bits_per_index(schedule):
        order = CodingOrder(grid, M, M, schedule)
        return bits.encode(programs, order, held_out).stage_bits.sum() / held_out.size

    return bits_per_index


@pytest.mark.slow
def test_bits_fall_as_stages_grow_and_one_shot_is_the_worst(measure):
    found = {
        schedule: measure(schedule)
        for schedule in ("one_shot", "qlds(stages=2)", "qlds(stages=4)", "qlds(stages=16)")
    }
    spent = list(found.values())
    assert spent[0] == pytest.approx(np.log2(LETTERS), abs=0.05), "nothing is known"
    assert all(more < less - 0.02 for less, more in itertools.pairwise(spent)), found
    raster = measure("raster")
    assert raster < spent[0] - 0.5
    # In each window 3 of 4 tokens of a row follow a known one; nobody can spend less than that.
    assert raster > 0.75 * ENTROPY + 0.25 * np.log2(LETTERS) - 0.05
    assert measure("checkerboard") < spent[0] - 0.2
