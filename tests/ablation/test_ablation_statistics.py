"""Intervals cover what they should, and pairs remove what they share."""

import numpy as np
import pytest

from pqmim_jax.ablation.statistics import estimate, paired

OPTIONS = {"confidence": 0.95, "resamples": 500}


def test_the_mean_is_that_of_all_and_the_interval_is_seeded():
    values = np.random.default_rng(0).normal(5, 1, (3, 20))
    first, again = estimate(values, **OPTIONS), estimate(values, **OPTIONS)
    assert first == again
    assert first.mean == pytest.approx(values.mean())
    assert first.low < first.mean < first.high
    assert first.seed_deviation == pytest.approx(values.mean(1).std(ddof=1))
    assert estimate(values, **OPTIONS, seed=1) != first


def test_intervals_cover_the_truth_about_as_often_as_they_say():
    rng = np.random.default_rng(1)
    covered = 0
    for trial in range(200):
        seeds, pictures = rng.normal(0, 0.3, (10, 1)), rng.normal(0, 1, (1, 25))
        found = estimate(seeds + pictures, confidence=0.9, resamples=300, seed=trial)
        covered += found.low <= 0 <= found.high
    assert 0.8 <= covered / 200 <= 0.97


def test_pairs_remove_the_pictures_own_difficulty():
    rng = np.random.default_rng(2)
    reference = rng.normal(5, 2, (1, 24)) + rng.normal(0, 0.01, (2, 24))
    better = reference - 0.1 + rng.normal(0, 0.01, (2, 24))
    difference = paired(better, reference, **OPTIONS)
    assert difference.high < -0.08
    assert difference.low > -0.12
    alone = estimate(better, **OPTIONS)
    assert alone.high - alone.low > 1


def test_equal_values_differ_by_nothing():
    values = np.random.default_rng(3).normal(size=(2, 5))
    same = paired(values, values, **OPTIONS)
    assert (same.mean, same.low, same.high) == (0, 0, 0)


def test_one_seed_tells_nothing_about_seeds():
    assert np.isnan(estimate(np.ones((1, 4)), **OPTIONS).seed_deviation)


@pytest.mark.parametrize(
    ("values", "options", "message"),
    [
        (np.ones(3), {}, "values must be"),
        (np.ones((0, 3)), {}, "values must be"),
        (np.ones((1, 3)), {"confidence": 1.0}, "confidence must be in"),
        (np.ones((1, 3)), {"resamples": 0}, "resamples >= 1"),
    ],
)
def test_wrong_arguments_are_refused(values, options, message):
    with pytest.raises(ValueError, match=message):
        estimate(values, **{**OPTIONS, **options})
    with pytest.raises(ValueError, match="equal shapes"):
        paired(np.ones((1, 3)), np.ones((1, 4)), **OPTIONS)
