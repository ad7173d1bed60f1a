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

ELSEWHERE = """
import json, sys
from pathlib import Path

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("pqmim_jax", "flax"):
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Absent())
import jax, jax.export, numpy as np
jax.config.update("jax_enable_x64", True)

folder, inputs, outputs = map(Path, sys.argv[1:])
results = {}
for role, program in json.loads((folder / "manifest.json").read_text())["programs"].items():
    program = program[0] if isinstance(program, list) else program
    exported = jax.export.deserialize(bytearray((folder / program["file"]).read_bytes()))
    assert exported.platforms == ("cpu", "cuda", "tpu"), exported.platforms
    given = np.load(inputs)
    arrays = [given[f"{role}/{each['name']}"] for each in program["inputs"]]
    for each, result in zip(program["outputs"], jax.jit(exported.call)(*arrays), strict=True):
        results[f"{role}/{each['name']}"] = np.asarray(result)
np.savez(outputs, **results)
"""


@pytest.fixture(scope="module")
def folder(stored, tmp_path_factory):
    folder = tmp_path_factory.mktemp("exports") / "stablehlo"
    export_model(stored, "stablehlo", folder)
    return folder


def test_a_fresh_process_gives_the_same(folder, stored, tmp_path):
    networks, rng = Networks(stored), np.random.default_rng(0)
    roles = {
        "encode": networks.encode,
        "decode": networks.decode,
        "context": networks.context,
        "head": networks.head_to_fixed_logits,
    }
    given = {
        f"{role}/{name}": rng.integers(1, 3, shape.shape).astype(shape.dtype)
        for role, network in roles.items()
        for name, shape in network.inputs.items()
    }
    np.savez(tmp_path / "in.npz", **given)
    paths = [folder, tmp_path / "in.npz", tmp_path / "out.npz"]
    environment = {**os.environ, "JAX_PLATFORMS": "cpu"}
    done = subprocess.run(
        [sys.executable, "-c", ELSEWHERE, *map(str, paths)],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    found = np.load(tmp_path / "out.npz")
    for role in ("context", "head"):
        network = roles[role]
        arrays = [given[f"{role}/{name}"] for name in network.inputs]
        with network.arithmetic():
            expected = np.asarray(jax.jit(network.function)(network.params, *arrays))
        (name,) = (key for key in found.files if key.startswith(f"{role}/"))
        assert found[name].dtype == expected.dtype
        np.testing.assert_allclose(found[name], expected, rtol=1e-5, atol=1e-5)
    assert np.isfinite(found["decode/sums"]).all()


def test_the_manifest_states_the_compatibility_window(folder):
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["platforms"] == ["cpu", "cuda", "tpu"]
    assert "6 months" in manifest["compatibility"]
    assert manifest["versions"]["jax"] == jax.__version__
