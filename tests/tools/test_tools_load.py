"""Every script in tools/ still finds what it imports: they are run by hand, and rarely."""

import runpy
from pathlib import Path

import pytest

TOOLS = sorted((Path(__file__).parents[2] / "tools").glob("*.py"))
OF_OTHERS = {"torch_decoder.py": "torch"}  # what a script needs beyond the extra `test`


@pytest.mark.parametrize("path", TOOLS, ids=lambda path: path.name)
def test_imports_are_there(path):
    try:
        runpy.run_path(str(path), run_name="loaded by a test")
    except ModuleNotFoundError as error:
        assert error.name == OF_OTHERS.get(path.name), error
