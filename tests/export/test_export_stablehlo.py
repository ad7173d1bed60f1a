"""StableHLO artefacts run in a process that knows nothing of the model's code."""

import json
import os
import subprocess
import sys

import jax
import numpy as np
import pytest

from pqmim_jax.codec.networks import Networks
from pqmim_jax.export import export_model
from pqmim_jax.model_store import load_model

BATCH = 2
REGION = (5, 9)
ELSEWHERE = """
import json, math, sys
from pathlib import Path

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("pqmim_jax", "flax"):
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Absent())
import jax, jax.export, numpy as np
jax.config.update("jax_enable_x64", True)

ROWS, COLS = REGION
folder, inputs, outputs = map(Path, sys.argv[1:])
given, results = np.load(inputs), {}
for role, segments in json.loads((folder / "manifest.json").read_text())["programs"].items():
    segments = segments if isinstance(segments, list) else [segments]
    arrays = [given[f"{role}/{each['name']}"] for each in segments[0]["inputs"]]
    for program in segments:
        exported = jax.export.deserialize(bytearray((folder / program["file"]).read_bytes()))
        assert exported.platforms == ("cpu", "cuda", "tpu"), exported.platforms
        for each, array in zip(program["inputs"], arrays, strict=True):
            sizes = {"batch": len(array), "rows": ROWS, "cols": COLS}
            factors = [str(size).split("*") for size in each["shape"]]
            shape = [math.prod(sizes.get(n) or int(n) for n in each) for each in factors]
            assert (list(array.shape), array.dtype) == (shape, each["dtype"]), each
        arrays = [np.asarray(each) for each in jax.jit(exported.call)(*arrays)]
    (results[role],) = arrays
np.savez(outputs, **results)
""".replace("REGION", str(REGION))


@pytest.fixture(scope="module")
def folder(stored, tmp_path_factory):
    folder = tmp_path_factory.mktemp("exports") / "stablehlo"
    export_model(stored, "stablehlo", folder)
    return folder


@pytest.fixture(params=["xcit", "pyramid"])
def each(request, tmp_path):
    """A model of each backbone, and its export."""
    if request.param == "xcit":
        return tuple(map(request.getfixturevalue, ("stored", "folder")))
    stored = load_model(request.getfixturevalue("pyramid_model"))
    export_model(stored, "stablehlo", tmp_path / "pyramid")
    return stored, tmp_path / "pyramid"


def random_input(rng, name, shape):
    """Something that can be told from a batch's other rows, within the manifest's range."""
    if name in ("mask", "quality", "m"):
        return rng.integers(1, 3, (BATCH, *shape.shape)).clip(max=1 if name == "mask" else 4)
    if shape.dtype == np.uint8:
        return rng.integers(0, 256, (BATCH, *shape.shape))
    if shape.dtype == np.int32:
        return rng.integers(-1, 16, (BATCH, *shape.shape))
    return rng.normal(size=(BATCH, *shape.shape))


def run_elsewhere(folder, given, place):
    """Results by role of a fresh process that chains the segments of every program."""
    np.savez(place / "in.npz", **given)
    paths = [folder, place / "in.npz", place / "out.npz"]
    environment = {**os.environ, "JAX_PLATFORMS": "cpu"}
    command = [sys.executable, "-c", ELSEWHERE, *map(str, paths)]
    done = subprocess.run(command, env=environment, cwd=place, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return np.load(place / "out.npz")


def test_a_fresh_process_gives_the_same(each, tmp_path):
    stored, folder = each
    networks, rng = Networks(stored, inside=True), np.random.default_rng(0)
    roles = {
        "encode": networks.encode(REGION),
        "decode": networks.decode(REGION),
        "filter": networks.filter(REGION),
        "context": networks.context,
        "head": networks.head_to_fixed_logits(),
    }
    roles |= {"correct": networks.correct(REGION)} if networks.refines else {}
    given = {
        f"{role}/{name}": random_input(rng, name, shape).astype(shape.dtype)
        for role, network in roles.items()
        for name, shape in network.inputs.items()
    }
    found = run_elsewhere(folder, given, tmp_path)
    for role, network in roles.items():
        run = jax.jit(network.function)
        for row in range(BATCH):
            arrays = [given[f"{role}/{name}"][row] for name in network.inputs]
            expected = np.asarray(run(network.params, *arrays))
            assert found[role].dtype == expected.dtype
            difference = np.abs(found[role][row].astype(np.float64) - expected)
            # A pixel is a rounded number: one step, where sums in another order cross it.
            rounding = 1e-5 * max(1, np.abs(expected).max())
            allowed = {"filter": 1, "context": 0, "head": 0}.get(role, rounding)
            assert difference.max() <= allowed, role
        assert np.abs(found[role][0].astype(float) - found[role][1]).max() > 1e-3, role


def test_the_manifest_states_the_compatibility_window(folder):
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["platforms"] == ["cpu", "cuda", "tpu"]
    assert "6 months" in manifest["compatibility"]
    assert manifest["versions"]["jax"] == jax.__version__


def test_no_file_says_where_it_was_made(folder):
    for path in folder.iterdir():
        data = path.read_bytes()
        assert b".py" not in data and b"site-packages" not in data, path.name


def test_source_locations_are_left_out_of_artefacts_only(folder):
    lowered = jax.jit(lambda x: x + 1).lower(np.float32(0))
    assert "test_export_stablehlo.py" in lowered.as_text(debug_info=True)
