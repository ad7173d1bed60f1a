"""LPIPS against the PyTorch package: golden/perceptual.json, made by make_perceptual.py."""

import json
from pathlib import Path

import numpy as np
import pytest
from golden import pairs

from pqmim_jax.evaluation.perceptual import LpipsMetric

GOLDEN = json.loads((Path(__file__).parent / "golden" / "perceptual.json").read_text())


@pytest.mark.parametrize("trunk", ["alexnet", "vgg16"])
def test_lpips_equals_the_reference(trunk):
    metric = LpipsMetric(trunk)
    values = [metric(*pair) for pair in pairs.make_pairs(pairs.PAIRS, GOLDEN["pairs"])]
    assert len(values) == 20
    np.testing.assert_allclose(values, GOLDEN["lpips"][trunk], rtol=1e-4)
