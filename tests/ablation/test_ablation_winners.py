"""Winners: the lowest bits of each number of stages, by pairs."""

from types import SimpleNamespace

import numpy as np
import pytest

from pqmim_jax.ablation.groups import Group
from pqmim_jax.ablation.winners import schedules_that_win, trainings_that_win

OPTIONS = {"confidence": 0.95, "resamples": 200, "seed": 0}
DIFFICULTY = np.random.default_rng(0).normal(4, 1, (2, 9))  # of pictures, shared by all


def group(schedule, stages, extra, mask="uniform", window=16, seeds=(0, 1)):
    training = SimpleNamespace(factors={"mask": mask})
    cell = SimpleNamespace(schedule=schedule, stages=stages, window=window, training=training)
    return Group(cell, seeds, (DIFFICULTY + extra)[: len(seeds)], np.full(9, 5.0), np.ones(stages))


BASE = group("b", 8, 0.0)


def test_the_cheapest_of_each_number_of_stages_wins():
    groups = [group("a", 8, 0.1), BASE, group("c", 2, 0.5), group("d", 8, 0.3)]
    groups += [group("other window", 8, -1.0, window=8), group("other mask", 8, -1.0, mask="x")]
    few, many = schedules_that_win(groups, BASE, OPTIONS)
    assert (few["stages"], few["schedule"], few["schedules"]) == (2, "c", 1)
    assert (few["next_best"], few["ahead"], few["fewer_stages"]) == ("", None, "")
    assert (many["stages"], many["schedule"], many["schedules"]) == (8, "b", 3)
    assert (many["next_best"], many["fewer_stages"]) == ("a", "c")
    mean = BASE.bits_per_index.mean()
    assert many["ahead"] == pytest.approx(100 * 0.1 / mean)
    # Pairs: the pictures' own difficulty is gone, so all of them agree.
    assert many["ahead_low"] == pytest.approx(many["ahead_high"])
    assert many["gained"] == pytest.approx(100 * 0.5 / mean)


def test_trainings_are_compared_where_the_reference_is_coded():
    groups = [BASE, group("b", 8, -0.2, mask="x"), group("a", 8, -3.0, mask="x")]
    best, reference = trainings_that_win(groups, BASE, OPTIONS)
    assert best["training"] == '{"mask": "x"}'
    assert best["gained"] == pytest.approx(100 * 0.2 / BASE.bits_per_index.mean())
    assert reference["gained"] is None


def test_nothing_is_compared_without_a_common_seed():
    (row,) = schedules_that_win([BASE, group("a", 8, 0.1, seeds=(7,))], BASE, OPTIONS)
    assert row["ahead"] is None
