"""What becomes of trained MIMs: cells, tables, the page. Here nothing is trained (see
test_ablation_training.py): the models are the tiny one, shaken by each seed.
"""

import csv
import json
import shutil

import numpy as np
import pytest
from ml_collections import ConfigDict, FrozenConfigDict
from safetensors.numpy import load_file, save_file

from pqmim_jax.ablation.codes import read_evaluation_codes
from pqmim_jax.ablation.forecast import forecast
from pqmim_jax.ablation.page import write_page
from pqmim_jax.ablation.tables import write_tables
from pqmim_jax.ablation.verify import differences, verify
from pqmim_jax.ablation.work import Workdir, write_json
from pqmim_jax.cli import main
from pqmim_jax.coding import PRECISION, frequencies_from_counts
from pqmim_jax.model_store import load_model
from pqmim_jax.training.config import ConfigError, load_config

TABLES = ("results.csv", "results.jsonl", "images.csv", "comparisons.csv", "winners.csv")


def install_models(workdir, model):
    """What training would leave, without training: the weights of `model`, shaken by the seed."""
    for training in workdir.plan.trainings:
        folder = workdir.trained_folder(training)
        shutil.copytree(model, folder / "model")
        tensors = load_file(folder / "model" / "weights.safetensors")
        bias = tensors["mim/head/output/bias"]
        shaken = bias + np.random.default_rng(training.seed).normal(0, 0.3, bias.shape)
        tensors["mim/head/output/bias"] = shaken.astype(bias.dtype)
        save_file(tensors, folder / "model" / "weights.safetensors")
        write_json(folder / "done.json", {"seconds": 2.0})


def finish(workdir):
    """The rest of the work, and its tables."""
    lines = list(workdir.run())
    write_tables(workdir.config, workdir.results(), workdir.plan.reference, workdir.folder)
    return lines


def tables_of(folder):
    return {name: (folder / name).read_bytes() for name in TABLES}


@pytest.fixture(scope="module")
def config(ablation_config):
    return load_config(ablation_config)


@pytest.fixture(scope="module")
def done(config, tiny_model, tmp_path_factory):
    workdir = Workdir(config, tmp_path_factory.mktemp("done"))
    install_models(workdir, tiny_model)
    lines = finish(workdir)
    assert [line.split()[0] for line in lines[:2]] == ["encoded", "encoded"]
    assert sum("bits an index" in line for line in lines) == 6
    return workdir


def test_what_is_done_is_not_done_again(done):
    assert list(done.run()) == []
    assert done.missing() == ([], [])


def test_a_run_that_stops_and_goes_on_gives_the_same_tables(done, config, tiny_model, tmp_path):
    stopped = Workdir(config, tmp_path)
    install_models(stopped, tiny_model)
    for number, _ in enumerate(stopped.run()):
        if number == 3:  # two encodings, two cells
            break
    cells = len(stopped.results())
    assert 0 < cells < 6
    resumed = Workdir(config, tmp_path)
    lines = finish(resumed)
    assert sum("bits an index" in line for line in lines) == 6 - cells
    assert tables_of(tmp_path) == tables_of(done.folder)


def test_the_table_is_tidy(done):
    with open(done.folder / "results.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 6
    assert {row["mask"] for row in rows} == {"uniform"}
    assert {row["seed"] for row in rows} == {"0", "1"}
    assert {(row["schedule"], row["stages"]) for row in rows} == {
        ("qlds(stages=2,alpha=2.2)", "2"),
        ("qlds(stages=3,alpha=2.2)", "3"),
        ("one_shot", "1"),
    }
    images = json.loads(done.cell_path(done.plan.cells[0]).read_text())["images"]
    mean = sum(image["bits"] / image["indices"] for image in images) / len(images)
    assert float(rows[0]["bits_per_index"]) == pytest.approx(mean)
    for row in rows:
        bits = [float(each) for each in row["stage_bits"].split()]
        assert len(bits) == int(row["stages"])
        assert sum(bits) * 2 / int(row["pixels"]) == pytest.approx(
            float(row["bits_per_pixel"]), rel=0.1
        )
        assert float(row["bits_per_index"]) > 0
        assert float(row["frequency_bits_per_index"]) == pytest.approx(frequency_bits(done))
        assert len(row["config_hash"]) == 16
        assert row["jax_version"]
        assert row["device"].startswith("cpu")
    lines = (done.folder / "results.jsonl").read_text().splitlines()
    assert [json.loads(line)["cell"] for line in lines] == [row["cell"] for row in rows]
    assert not any("seconds" in name for name in rows[0])
    with open(done.folder / "times.csv", newline="") as file:
        times = list(csv.DictReader(file))
    assert all(float(row["encode_seconds"]) > 0 < float(row["decode_seconds"]) for row in times)


def frequency_bits(done):
    """Bits an index under the frequencies of the training set, mean over the pictures."""
    counts = load_model(done.trained_folder(done.plan.trainings[0]) / "model").counts
    bits = PRECISION - np.log2(frequencies_from_counts(counts))
    pictures = [p.indices for p in read_evaluation_codes(done.files.evaluation)]
    return np.mean([np.mean([bits[m, i[..., m]] for m in range(4)]) for i in pictures])


def test_comparisons_are_paired_with_the_reference(done):
    with open(done.folder / "comparisons.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 3
    assert all(row["seeds"] == "2" for row in rows)
    own = [row for row in rows if float(row["difference"]) == 0]
    assert [(row["mask"], row["schedule"]) for row in own] == [
        ("uniform", "qlds(stages=2,alpha=2.2)")
    ]
    for row in rows:
        assert float(row["difference_low"]) <= float(row["difference"])
        assert float(row["difference"]) <= float(row["difference_high"])


def test_a_finished_cell_comes_out_the_same_again(done):
    what, found = verify(done, retrain=False, seed=3)
    assert found == []
    assert what.startswith("cell ")


def test_a_cell_that_does_not_is_told(done):
    cell = done.plan.cells[0]
    path = done.cell_path(cell)
    before = path.read_text()
    changed = json.loads(before)
    changed["images"][1]["bits"] += 1e-9
    changed["provenance"]["jax_version"] = "0.0"
    found = differences(changed, json.loads(before))
    assert [line.split(": ")[:2][0] for line in found] == ["1.png", "jax_version"]
    assert differences(json.loads(before), changed | {"images": json.loads(before)["images"]}) == []


def test_forecasts_come_from_finished_cells(done):
    found = forecast(done)
    assert found.source == "finished cells"
    assert found.training > 0
    assert found.total(done) == 0
    assert found.of_cell(10, 2) >= found.of_cell(1, 2) > 0


def test_nothing_can_be_verified_before_a_cell_is_finished(config, tmp_path):
    with pytest.raises(ConfigError, match="no cell is finished"):
        verify(Workdir(config, tmp_path), retrain=False)


def test_the_page_shows_every_figure_and_the_command(done):
    pytest.importorskip("matplotlib")
    command = ["pqmim", "ablate", "--config=a b.py"]
    for _ in range(2):
        write_page(done.config, done.results(), done.plan.reference, command, done.folder)
        figures = {path.name: path.read_bytes() for path in (done.folder / "figures").iterdir()}
    assert {name for name in figures if name.endswith(".svg")} == {
        "stages.svg",
        "each_stage.svg",
        "masks_and_schedules.svg",
    }
    page, report = ((done.folder / name).read_text() for name in ("index.html", "report.md"))
    for name in ("stages.svg", "each_stage.svg", "masks_and_schedules.svg", "schedules.png"):
        assert f"figures/{name}" in page
        assert f"(figures/{name})" in report
        assert name in figures
    assert "pqmim ablate &#x27;--config=a b.py&#x27;" in page
    assert "pqmim ablate '--config=a b.py'" in report
    assert page.count("<tr>") == (1 + 3) + (1 + 3) + (1 + 1)


def test_the_command_lists_what_is_missing(ablation_config, done, capsys):
    arguments = ["ablate", f"--config={ablation_config}", f"--workdir={done.folder}", "--dry-run"]
    assert main(arguments) == 0
    out = capsys.readouterr().out
    assert out.count(" done ") == 2 + 6
    assert "0 of 2 trainings and 0 of 6 cells are missing" in out
    assert main([*arguments, "--config.ablation.schedules=raster"]) == 0
    out = capsys.readouterr().out
    assert "0 of 2 trainings and 2 of 6 cells are missing" in out
    assert "by finished cells" in out


def test_a_config_of_a_training_is_none_of_an_ablation(tmp_path, capsys):
    path = tmp_path / "config.py"
    path.write_text("from pqmim_jax.training.default_config import get_config\n")
    assert main(["ablate", f"--config={path}", f"--workdir={tmp_path}"]) == 1
    assert "no config of an ablation" in capsys.readouterr().err


def test_a_negative_middle_is_refused(config, tmp_path):
    changed = ConfigDict(config)
    changed.evaluation.crop = -1
    with pytest.raises(ConfigError, match="crop must be >= 0 pixels, got -1"):
        list(Workdir(FrozenConfigDict(changed), tmp_path).run())
