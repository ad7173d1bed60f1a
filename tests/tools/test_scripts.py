"""Every script of tools/ finds what it imports: those that no other test runs, too."""

import importlib.util
import sys
from pathlib import Path

import pytest

TOOLS = Path(__file__).parents[2] / "tools"
NOT_IN_CI = {"torch", "skimage"}  # packages that a script may need and the tests do without


@pytest.mark.parametrize("path", sorted(TOOLS.glob("*.py")), ids=lambda path: path.stem)
def test_a_script_can_be_imported(path, monkeypatch):
    spec = importlib.util.spec_from_file_location("script", path)
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "script", module)  # dataclasses look it up
    try:
        spec.loader.exec_module(module)
    except ModuleNotFoundError as error:
        assert error.name in NOT_IN_CI
