"""`pqmim evaluate` as a person runs it: a process of its own, real codecs, real metrics, a page."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from chromium import Chromium, find_chromium
from PIL import Image

from pqmim_jax.evaluation.schema import read_document
from pqmim_jax.training.random_hyperprior import save_random_hyperprior, tiny_hyperprior_config

OTTERS = Path(__file__).parents[1] / "pictures" / "otters.webp"
OFFERED = {"jpeg", "jpeg2000", "webp", "avif", "bpg", "vvc", "jxl"}


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """Two corners of a photograph."""
    folder = tmp_path_factory.mktemp("two")
    with Image.open(OTTERS) as photo:
        for name, left in (("left", 0), ("right", photo.width - 176)):
            photo.convert("RGB").crop((left, 0, left + 176, 168)).save(folder / f"{name}.png")
    return folder


@pytest.fixture(scope="module")
def evaluation(pictures, tiny_model, tmp_path_factory):
    """The report's folder, and what the command printed to standard error."""
    hyperprior = tmp_path_factory.mktemp("hyperprior") / "baseline"
    save_random_hyperprior(hyperprior, tiny_hyperprior_config())
    out = tmp_path_factory.mktemp("evaluated")
    command = [sys.executable, "-m", "pqmim_jax", "evaluate", pictures, "--codecs", "all"]
    command += ["--model", tiny_model, "--model", hyperprior]
    command += ["--report", out / "report", "--json", out / "numbers.json"]
    done = subprocess.run(
        list(map(str, command)),
        capture_output=True,
        text=True,
        env={**os.environ, "JAX_PLATFORMS": "cpu"},
    )
    assert done.returncode == 0, done.stderr
    return out, done.stderr


def test_every_codec_is_measured_by_every_metric(evaluation, tiny_model):
    out, notes = evaluation
    document = read_document(out / "numbers.json")
    measured = {codec["name"] for codec in document["codecs"]}
    assert {tiny_model.name, "baseline", "jpeg", "webp"} <= measured
    left_out = {name for name in OFFERED if f"{name} left out" in notes}
    assert OFFERED - left_out <= measured
    for record in document["images"]:
        assert record["bytes"] > 0
        assert {"psnr", "ms_ssim", "lpips"} <= record.keys()
    assert document == read_document(out / "report" / "evaluation.json")


def test_the_page_shows_them(evaluation):
    out, _ = evaluation
    report = out / "report" / "report.html"
    assert report.read_text().startswith("<!doctype html>")
    if find_chromium() is None:
        return
    with Chromium(out / "profile") as browser:
        browser.open(report, 1280)
        browser.wait_for("document.documentElement.dataset.ready === 'true'")
        assert browser.run("document.documentElement.dataset.error") is None
        charts = browser.run("[...document.querySelectorAll('.chart')].map(c => c.dataset.metric)")
        assert {"psnr", "ms_ssim", "lpips"} <= set(charts)
