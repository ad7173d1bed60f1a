"""The JavaScript of the browser demo against what the Python package computes, run by node."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from demo_golden import write_golden

SCRIPTS = Path(__file__).parent / "javascript"


@pytest.fixture(scope="module")
def golden(codec, tmp_path_factory):
    folder = tmp_path_factory.mktemp("golden")
    write_golden(folder, codec)
    return folder


@pytest.fixture(scope="module")
def node():
    found = shutil.which("node")
    if found is None:
        pytest.skip("node is not installed")
    major = int(subprocess.check_output([found, "--version"], text=True)[1:].split(".")[0])
    if major < 20:
        pytest.skip(f"node {major} is older than 20")
    return found


@pytest.mark.parametrize("script", sorted(SCRIPTS.glob("*.test.mjs")), ids=lambda path: path.stem)
def test_same_as_python(node, golden, script):
    environment = os.environ | {"PQMIM_GOLDEN": str(golden)}
    done = subprocess.run(
        [node, "--test", str(script)], capture_output=True, text=True, env=environment, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "# pass 0" not in done.stdout
