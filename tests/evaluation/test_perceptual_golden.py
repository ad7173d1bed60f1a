"""Metrics against reference implementations: golden/perceptual.json, made by make_perceptual.py."""

import json
from pathlib import Path

import numpy as np
import pytest
from golden import features, pairs

from pqmim_jax.evaluation.bd_rate import bd_quality, bd_rate
from pqmim_jax.evaluation.perceptual import fid, kid, ms_ssim

GOLDEN = json.loads((Path(__file__).parent / "golden" / "perceptual.json").read_text())
FEATURE_SETS = {"90x80x64": (90, 80, 64), "300x260x24": (300, 260, 24)}


def test_ms_ssim_equals_the_reference():
    values = [ms_ssim(*pair) for pair in pairs.make_pairs(pairs.LARGE_PAIRS, GOLDEN["large_pairs"])]
    np.testing.assert_allclose(values, GOLDEN["ms_ssim"], rtol=1e-4)


@pytest.mark.parametrize("sizes", FEATURE_SETS)
def test_fid_equals_the_reference(sizes):
    value = fid(*features.feature_sets(*FEATURE_SETS[sizes]))
    assert value == pytest.approx(GOLDEN["fid"][sizes], rel=1e-6)


@pytest.mark.parametrize("sizes", FEATURE_SETS)
def test_kid_equals_the_reference(sizes):
    a, b = features.feature_sets(*FEATURE_SETS[sizes])
    value, error = kid(a, b, subsets=20, subset_size=40)
    golden = GOLDEN["kid"][sizes]
    assert value == pytest.approx(golden["mean"], rel=1e-6)
    of_the_mean = np.sqrt(40 / (len(b) - 40))  # the reference gives the spread of the subsets
    assert error == pytest.approx(golden["std"] * np.sqrt(20 / 19) * of_the_mean, rel=1e-6)


def test_bjontegaard_differences_equal_the_reference():
    golden = GOLDEN["bjontegaard"]
    share, _ = bd_rate(golden["reference"], golden["other"])
    assert 100 * share == pytest.approx(golden["bd_rate_percent"], rel=1e-6)
    difference, overlap = bd_quality(golden["reference"], golden["other"])
    assert difference == pytest.approx(golden["bd_psnr"], rel=1e-6)
    assert overlap == pytest.approx((1358.24, 9487.76))
