"""`pqmim evaluate` on a folder: every number it reports, made again by other means."""

import dataclasses
import json

import numpy as np
import pytest
from PIL import Image

from pqmim_jax.cli import main
from pqmim_jax.codec import Codec
from pqmim_jax.coding import frequencies_from_counts
from pqmim_jax.evaluation.run import EvaluationError, Measurement, measure_images

SIZES = {"a.png": (40, 30), "b.png": (70, 50)}  # width, height


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("pictures")
    rng = np.random.default_rng(3)
    for name, (width, height) in SIZES.items():
        Image.fromarray(rng.integers(0, 256, (height, width, 3), np.uint8)).save(path / name)
    (path / "notes.txt").write_text("not a picture")
    return path


@pytest.fixture(scope="module", autouse=True)
def one_codec(codec):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Codec, "load", lambda name_or_path: codec)
        yield


@pytest.fixture(scope="module")
def report(one_codec, folder, tmp_path_factory):
    path = tmp_path_factory.mktemp("report") / "report.json"
    arguments = ["evaluate", str(folder), "--quality", "2", "4", "--jpeg", "--json", str(path)]
    assert main(arguments) == 0
    return json.loads(path.read_text())


def test_every_number_of_the_report(report, folder, codec):
    assert report["model"] == codec.model.name
    assert report["fingerprint"] == f"{codec.model.fingerprint:04x}"
    assert report["schedule"] == "qlds(stages=3,alpha=2.2)"
    assert report["rate_weight"] is None
    assert {"jax", "numpy", "pillow", "pqmim-jax"} <= report["environment"]["packages"].keys()

    rows = report["images"]
    assert [(row["file"], row["quality"]) for row in rows] == [
        ("a.png", 2), ("a.png", 4), ("b.png", 2), ("b.png", 4),
    ]  # fmt: skip
    for row in rows:
        assert set(row) == {field.name for field in dataclasses.fields(Measurement)}
        check_row(row, folder, codec)


def check_row(row, folder, codec):
    image = np.asarray(Image.open(folder / row["file"]))
    pixels = SIZES[row["file"]][0] * SIZES[row["file"]][1]
    data = codec.compress(image, quality=row["quality"])
    assert (row["width"], row["height"]) == SIZES[row["file"]]
    assert row["bytes"] == len(data)
    assert row["bpp"] == pytest.approx(8 * len(data) / pixels)
    difference = codec.decompress(data).astype(np.float64) - image
    assert row["psnr"] == pytest.approx(20 * np.log10(255 / np.sqrt(np.mean(difference**2))))
    assert 0 < row["compress_seconds"] < 60
    assert 0 < row["decompress_seconds"] < 60
    # Header, checksum and coder cost 16 bytes at most beyond the entropy model's own estimate.
    assert 0 < 8 * row["bytes"] - row["ideal_bits"] <= 16 * 8
    indices = codec.nearest_indices(image)[..., : row["quality"]]
    shares = frequencies_from_counts(codec.model.counts) / 65536
    static = sum(-np.log2(shares[m][indices[..., m]]).sum() for m in range(row["quality"]))
    assert row["static_bits"] == pytest.approx(static)


def test_lambda_is_that_of_the_command(report, folder, tmp_path):
    path = tmp_path / "cheap.json"
    arguments = ["evaluate", str(folder), "--quality", "2,4", "--lambda", "1e6"]
    assert main([*arguments, "--json", str(path)]) == 0
    cheap = json.loads(path.read_text())
    assert cheap["rate_weight"] == 1e6
    for row, before in zip(cheap["images"], report["images"], strict=True):
        assert row["ideal_bits"] < before["ideal_bits"]


def test_means_are_over_pictures(report):
    assert [mean["quality"] for mean in report["mean"]] == [2, 4]
    for mean in report["mean"]:
        a, b = (row for row in report["images"] if row["quality"] == mean["quality"])
        assert mean["images"] == 2
        for name in ("bytes", "bpp", "psnr", "compress_seconds", "decompress_seconds"):
            assert mean[name] == pytest.approx((a[name] + b[name]) / 2)
        for name in ("ideal_bits", "static_bits"):
            assert mean[name] == pytest.approx((a[name] + b[name]) / 2)


def test_baselines_are_curves_by_format(report):
    assert set(report["baselines"]) == {"jpeg", "webp"}
    for points in report["baselines"].values():
        assert len(points) > 10
        assert all(set(point) == {"quality", "bpp", "psnr"} for point in points)


def test_table_has_a_row_for_every_quality(folder, capsys):
    assert main(["evaluate", str(folder)]) == 0
    header, *rows = capsys.readouterr().out.splitlines()
    assert header.split()[:3] == ["quality", "bytes", "bpp"]
    assert [row.split()[0] for row in rows] == ["1", "2", "3", "4"]


def test_existing_report_stays_without_force(folder, tmp_path, capsys):
    path = tmp_path / "report.json"
    path.write_text("precious")
    arguments = ["evaluate", str(folder), "--quality", "1", "--json", str(path)]
    assert main(arguments) == 1
    assert "exists already" in capsys.readouterr().err
    assert path.read_text() == "precious"
    assert main([*arguments, "--force"]) == 0
    assert json.loads(path.read_text())["images"]


def test_a_picture_that_decodes_differently_stops_the_run(folder, codec, monkeypatch):
    decompress = codec.decompress
    monkeypatch.setattr(codec, "decompress", lambda data: decompress(data) ^ 1)
    with pytest.raises(EvaluationError, match=r"a\.png, quality 3"):
        list(measure_images(codec, [folder / "a.png"], [3]))


@pytest.mark.parametrize("case", ["no folder", "no pictures", "bad picture", "bad quality"])
def test_what_cannot_be_evaluated_is_one_line(case, folder, tmp_path, capsys):
    arguments = []
    target = tmp_path / "pictures"
    if case != "no folder":
        target.mkdir()
    if case == "bad picture":
        (target / "bad.png").write_bytes(b"bad")
    if case == "bad quality":
        target, arguments = folder, ["--quality", "1", "9"]
    report = tmp_path / "report.json"
    assert main(["evaluate", str(target), "--json", str(report), *arguments]) == 1
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("pqmim: error: ")
    assert not report.exists()
