import os
import subprocess
from pathlib import Path

import pytest

TOOLS = Path(__file__).parents[2] / "tools"


@pytest.fixture(scope="session")
def tool():
    """tool(name, *arguments, **environment): runs a script of tools/; never raises."""

    def run(name, *arguments, folder=TOOLS, **environment):
        return subprocess.run(
            ["bash", folder / name, *arguments],
            capture_output=True,
            text=True,
            timeout=60,
            env={**os.environ, **environment},
        )

    return run


@pytest.fixture
def programs(tmp_path):
    """programs(name=script, ...): a value of PATH on which these programs come first."""

    def make(**scripts):
        folder = tmp_path / "programs"
        folder.mkdir()
        for name, script in scripts.items():
            path = folder / name
            path.write_text(f"#!/usr/bin/env bash\nset -eu\n{script}")
            path.chmod(0o755)
        return f"{folder}:{os.environ['PATH']}"

    return make
