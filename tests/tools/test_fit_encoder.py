"""Lambdas and curvatures fitted to photographs: what is found, what is written, what is refused."""

import json
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from encoder_fit.curvature import RATIO, cheapest
from encoder_fit.lambdas import crossing, middles
from encoder_fit.trials import Outcome, Trials
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from pqmim_jax import Codec
from pqmim_jax.model_store import load_model, model_path

TOOL = Path(__file__).parents[2] / "tools" / "fit_encoder.py"


def ideal(bits_at_most):
    """A quality of an ideal codec: error = 2**(-2 bits), and what lambda above that slope saves."""

    def at(rate_weight):
        bits = bits_at_most / (1 + rate_weight / 1e6)
        return Outcome(bits, 1e4 * 2 ** (-2 * bits), 3)

    return at


@pytest.mark.parametrize("start", [0.0, 1.0, 1e5])
def test_neighbours_cost_the_same_at_their_crossing(start):
    lower, higher = ideal(1.0), ideal(1.3)
    weight = crossing(lower, higher, start)
    assert lower(weight).cost(weight) == pytest.approx(higher(weight).cost(weight), rel=1e-3)
    assert lower(2 * weight).cost(2 * weight) < higher(2 * weight).cost(2 * weight)


def test_a_quality_of_no_use_has_no_crossing():
    assert math.isnan(crossing(ideal(1.3), ideal(1.0), 10.0))
    worse = Outcome(2.0, 1e9, 3)
    assert math.isnan(crossing(ideal(1.0), lambda _: worse, 10.0))


def test_lambdas_lie_in_the_middle_of_their_ranges():
    assert middles([800.0, 200.0, 50.0]) == pytest.approx([1600.0, 400.0, 100.0, 25.0])
    assert middles([800.0, math.nan, 50.0]) == pytest.approx([1600.0, 400.0, 100.0, 25.0])
    assert middles([math.nan, 100.0]) == pytest.approx([100.0] * 3)
    with pytest.raises(ValueError, match="no quality is better"):
        middles([math.nan, math.nan])


@given(st.lists(st.floats(1.0, 1e5), min_size=1, max_size=20))
def test_lambdas_fall(crossings):
    found = middles(crossings)
    assert len(found) == len(crossings) + 1
    assert found == sorted(found, reverse=True) and all(map(math.isfinite, found))


@given(st.floats(0.5, 100.0), st.floats(0.5, 100.0))
def test_the_walk_ends_in_the_valley(valley, start):
    found = cheapest(lambda c: (math.log(c) - math.log(valley)) ** 2, start)
    assert abs(math.log(found / valley)) <= math.log(RATIO) / 2 + 1e-9


def test_a_walk_that_never_rises_ends():
    assert cheapest(lambda c: -c, 1.0) <= 1000.0
    assert cheapest(lambda c: 1.0, 3.0) == 3.0


CONFIG = """
from pqmim_jax.training import default_config

def get_config():
    config = default_config.get_config()
    config.data.update(source="folder:{photos}", cache_mb=8, num_threads=0, prefetch=0)
    config.autoencoder.update(f=8, num_codebooks=3, num_codewords=16, codeword_dim=4, heads=1)
    config.autoencoder.update(encoder_width=8, encoder_depth=0, decoder_width=8, decoder_depth=0)
    config.mim.update(width=8, depth=0, heads=1, head_width=8, embedding_dim=4)
    config.codec.update(window=4, halo=1, schedule="one_shot", refinement_steps=1, curvature=0.25)
    for section in (config.pqvae_training, config.mim_training):
        section.update(steps=1, batch_size=4, crop=48, initialise_images=16)
    return config
"""


@pytest.fixture(scope="module")
def photos(save_waves, tmp_path_factory):
    """Smooth ones: what principal components are good at."""
    folder = tmp_path_factory.mktemp("photos")
    save_waves(folder, 4, 80, 96)
    return folder


@pytest.fixture(scope="module")
def trained(photos, tmp_path_factory):
    """A workdir whose model has refinement, no lambda, and steps that diverge."""
    folder = tmp_path_factory.mktemp("trained")
    (folder / "config.py").write_text(CONFIG.replace("{photos}", str(photos)))
    workdir = folder / "run"
    command = ["train", f"--config={folder / 'config.py'}", f"--workdir={workdir}"]
    done = run("-m", "pqmim_jax", *command)
    assert done.returncode == 0, done.stderr
    return workdir


def run(*arguments):
    command = [sys.executable, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True)


@pytest.fixture(scope="module")
def fitted(trained, photos, tmp_path_factory):
    folder = tmp_path_factory.mktemp("fitted") / "deeper" / "model"
    done = run(TOOL, trained, photos, "-o", folder, "--side", 64, "--limit", 2)
    assert done.returncode == 0, done.stderr
    assert "2 photographs" in done.stdout and "| 3 | 0 -> " in done.stdout
    assert [path.name for path in folder.parent.iterdir()] == ["model"]
    return folder


def test_files_of_both_models_decode_with_both(trained, fitted, photos):
    image = np.asarray(Image.open(photos / "3.png"))
    old, new = Codec.load(trained), Codec.load(fitted)
    assert old.model.fingerprint == new.model.fingerprint
    for data in (old.compress(image), new.compress(image)):
        np.testing.assert_array_equal(old.decompress(data), new.decompress(data))


def test_fitted_lambdas_cost_less_than_none(trained, fitted, photos):
    images = [np.asarray(Image.open(photos / f"{i}.png"))[8:72, 16:80] for i in range(2)]
    codec = Codec.load(fitted)
    weights, curvature = codec.limits.rate_weights, codec.limits.curvature
    assert list(weights) == sorted(weights, reverse=True) and weights[-1] > 0
    trials = Trials(codec, images)
    costs = [
        (trials(q, w, c).cost(w), trials(q, w, 0.25).cost(w), trials(q, 0.0, 0.25).cost(w))
        for q, w, c in zip((1, 2, 3), weights, curvature, strict=True)
    ]
    found, same_curvature, nearest = np.sum(costs, axis=0)
    assert found < same_curvature and found < nearest


def test_nothing_else_of_the_model_changes(trained, fitted):
    changed = {"rate_weights", "curvature"}
    old, new = (json.loads((model_path(at) / "model.json").read_text()) for at in (trained, fitted))
    for manifest in (old, new):
        for name in changed:
            del manifest["codec"][name]
    assert old == new
    assert sorted(load_model(fitted).mim) == sorted(load_model(trained).mim)


def test_a_model_whose_qualities_are_of_no_use_is_one_clear_error(tiny_model, photos, tmp_path):
    done = run(TOOL, tiny_model, photos, "-o", tmp_path / "out", "--side", 32, "--limit", 1)
    assert done.returncode == 1 and "no quality is better than the one below it" in done.stderr
    assert "Traceback" not in done.stderr and not (tmp_path / "out").exists()


@pytest.mark.parametrize("case", ["exists", "no model", "no pictures", "no folder"])
def test_what_cannot_be_is_one_clear_error(tiny_model, photos, tmp_path, case):
    (tmp_path / "empty").mkdir()
    model = tmp_path if case == "no model" else tiny_model
    folder = {"no pictures": tmp_path / "empty", "no folder": tmp_path / "none"}.get(case, photos)
    output = tmp_path / "empty" if case == "exists" else tmp_path / "out"
    done = run(TOOL, model, folder, "-o", output)
    assert done.returncode == 1 and done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1 and not (tmp_path / "out").exists()


@pytest.mark.parametrize("wrong", [("--side", -1), ("--limit", 0)])
def test_wrong_numbers_are_refused(tiny_model, photos, tmp_path, wrong):
    done = run(TOOL, tiny_model, photos, "-o", tmp_path / "out", *wrong)
    assert done.returncode == 2 and "must be at least" in done.stderr
