"""Other settings of a model's encoder: what is written, what stays, what is refused."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from pqmim_jax import Codec
from pqmim_jax.coding import PqmError
from pqmim_jax.model_store import load_model

TOOL = Path(__file__).parents[2] / "tools" / "set_codec.py"


def run(*arguments):
    command = [sys.executable, str(TOOL), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True)


def test_files_of_both_models_decode_with_both(tiny_model, codec, tmp_path):
    folder = tmp_path / "deeper" / "set"
    options = ("--lambdas", "900,800,700,600.5", "--curvature", 400, "--refine", 1)
    done = run(tiny_model, "-o", folder, *options)
    assert done.returncode == 0, done.stderr
    assert [path.name for path in folder.parent.iterdir()] == ["set"]
    changed = Codec.load(folder)
    assert changed.limits.rate_weights == (900.0, 800.0, 700.0, 600.5)
    assert changed.limits.curvature == (400.0,) * 4 and changed.limits.refinement_steps == 1
    assert changed.model.fingerprint == codec.model.fingerprint
    image = np.random.default_rng(0).integers(0, 256, (60, 70, 3), dtype=np.uint8)
    files = changed.compress(image), codec.compress(image)
    assert files[0] != files[1]
    for data in files:
        np.testing.assert_array_equal(changed.decompress(data), codec.decompress(data))


def test_another_schedule_is_another_model(tiny_model, codec, tmp_path):
    done = run(tiny_model, "-o", tmp_path / "set", "--schedule", "qlds(stages=2)*coarse_then_fine")
    assert done.returncode == 0, done.stderr
    changed = Codec.load(tmp_path / "set")
    assert changed.default_schedule == "qlds(stages=2,alpha=2.2)*coarse_then_fine(size=6)"
    image = np.random.default_rng(0).integers(0, 256, (60, 70, 3), dtype=np.uint8)
    with pytest.raises(PqmError, match="model"):
        codec.decompress(changed.compress(image))


def test_a_smaller_halo_is_that_of_the_same_network(tiny_model, tmp_path):
    old = Codec.load(tiny_model)
    halo = old.model.config["codec"]["halo"]
    done = run(tiny_model, "-o", tmp_path / "set", "--halo", halo - 1)
    assert done.returncode == 0, done.stderr
    new = Codec.load(tmp_path / "set")
    image = np.random.default_rng(0).integers(0, 256, (64, 80, 3), dtype=np.uint8)
    np.testing.assert_array_equal(new.decompress(new.compress(image)).shape, image.shape)
    side = old.model.config["codec"]["window"] + 2 * halo
    bias = [c.model.mim["block_0"]["attention"]["position_bias"] for c in (old, new)]
    assert [len(each) for each in bias] == [2 * side - 1, 2 * side - 5]
    middle = len(bias[0]) // 2, len(bias[1]) // 2  # of tokens to themselves
    np.testing.assert_array_equal(bias[0][middle[0], middle[0]], bias[1][middle[1], middle[1]])
    assert run(tiny_model, "-o", tmp_path / "more", "--halo", halo).returncode == 1


def test_what_is_not_given_stays(tiny_model, tmp_path):
    done = run(tiny_model, "-o", tmp_path / "set", "--curvature", "4,3,2,1")
    assert done.returncode == 0, done.stderr
    old, new = (
        json.loads((at / "model.json").read_text()) for at in (tiny_model, tmp_path / "set")
    )
    assert new["codec"].pop("curvature") == [4.0, 3.0, 2.0, 1.0]
    del old["codec"]["curvature"]
    assert old == new
    assert load_model(tmp_path / "set").counts.tolist() == load_model(tiny_model).counts.tolist()


@pytest.mark.parametrize(
    ("case", "message"),
    [
        ("exists", "is not written to"),
        ("no model", "no model"),
        ("lambdas", "rate weights: "),
        ("curvature", "has 4 sub-quantizers, not 2"),
    ],
)
def test_what_cannot_be_is_one_clear_error(tiny_model, tmp_path, case, message):
    model = tmp_path if case == "no model" else tiny_model
    output = tmp_path if case == "exists" else tmp_path / "out"
    done = run(model, "-o", output, "--curvature" if case == "curvature" else "--lambdas", "2,1")
    assert done.returncode == 1 and done.stderr.startswith("error: ") and message in done.stderr
    assert done.stderr.count("\n") == 1 and not list(tmp_path.iterdir())


def test_a_place_that_cannot_be_written_is_one_clear_error(tiny_model, tmp_path):
    (tmp_path / "file").write_text("no folder")
    done = run(tiny_model, "-o", tmp_path / "file" / "out", "--refine", 1)
    assert done.returncode == 1 and "cannot be written" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "wrong",
    [(), ("--refine", -1), ("--refine", 101), ("--lambdas", "1,a"), ("--curvature", "9,nan"),
     ("--lambdas", "0,0,0,0")],
)  # fmt: skip
def test_wrong_numbers_are_refused(tiny_model, tmp_path, wrong):
    done = run(tiny_model, "-o", tmp_path / "out", *wrong)
    assert done.returncode == 2 and "must be" in done.stderr
    assert not (tmp_path / "out").exists()
