"""A small evaluation folder, its pictures and its report, made once for all tests."""

import json
import shutil
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from sample_evaluation import make_evaluation

from pqmim_jax.evaluation.html import write_report

FILES = ("a b.png", "<img src=x onerror=alert(1)>.png", "low.png")


def draw_picture(path, seed, size=(144, 112)):
    """Smooth colours with a noisy patch, so that codecs and windows differ."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[: size[1], : size[0]]
    wave = 127 + 60 * np.sin(x / (9 + seed)) + 60 * np.cos(y / 13)
    pixels = np.stack([wave, wave[::-1], 255 - wave], -1)
    pixels[16:64, 80:128] += rng.normal(0, 50, (48, 48, 3))
    Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(path)


@pytest.fixture(scope="session")
def sample(tmp_path_factory):
    """Folders `evaluation` (with its report) and `pictures`, and the document."""
    root = tmp_path_factory.mktemp("evaluated")
    evaluation, pictures = root / "evaluation", root / "pictures"
    evaluation.mkdir()
    pictures.mkdir()
    for seed, file in enumerate(FILES):
        draw_picture(pictures / file, seed)
    document = make_evaluation(evaluation, pictures, FILES)
    report = write_report(evaluation, pictures)
    return SimpleNamespace(
        evaluation=evaluation, pictures=pictures, document=document, report=report
    )


@pytest.fixture
def folder(sample, tmp_path):
    """A copy of the evaluation folder without its report, to change at will."""
    shutil.copytree(sample.evaluation, tmp_path / "evaluation")
    (tmp_path / "evaluation" / "report.html").unlink()
    return tmp_path / "evaluation"


@pytest.fixture
def rewrite(folder):
    """Changes `evaluation.json` of `folder` by a function of the document."""

    def change(function):
        path = folder / "evaluation.json"
        document = json.loads(path.read_text())
        function(document)
        path.write_text(json.dumps(document))

    return change
