"""The shape of the house: which room may import which, and that every config loads."""

import ast
from pathlib import Path

import pytest

from pqmim_jax.training.batches import STAGES
from pqmim_jax.training.config import load_config

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "pqmim_jax"

# Each room may import itself and these.
MAY_IMPORT = {
    "models": set(),
    "masking": set(),
    "coding": set(),
    "data": set(),
    "images": {"limits"},
    "demo": set(),
    "model_store": {"masking"},
    "integer": {"coding", "model_store"},
    "weight_files": set(),
    "hyperprior_store": {"model_store"},
    "losses": {"models", "weight_files"},
    "codec": {
        *("models", "masking", "coding", "model_store", "hyperprior_store", "cores", "limits"),
        *("integer", "caching"),
    },
    "training": {
        *("models", "losses", "masking", "data", "model_store", "hyperprior_store", "integer"),
        "coding",
    },
    "evaluation/html": {"evaluation", "images"},
    "ablation": {
        *("training", "models", "codec", "coding", "masking", "data", "images", "model_store"),
    },
    "runtime": {"masking", "codec", "coding", "cores"},
    "export": {"__version__", "codec", "coding", "integer", "masking", "model_store", "runtime"},
}
WITHOUT_JAX = (
    "coding",
    "data",
    "demo",
    "images",
    "masking/schedules",
    "masking/spatial",
    "masking/codebook",
    "masking/terms",
    "model_store",
    "weight_files",
    "evaluation/html",
    "hyperprior_store",
    "runtime",
    "cli",
    "codec/codec",
    "codec/entropy_coding",
    "codec/program_set",
    "codec/quantization",
    "codec/reading",
    "codec/transform",
    "codec/writing",
)
JAX = {"jax", "jaxlib", "flax", "optax", "orbax"}
# Optional, slow to import, or absent on machines that only train.
HEAVY = {"tensorflow", "tensorflow_datasets", "grain", "clu", "onnx", "onnxruntime", "matplotlib"}


def sources(room):
    path = PACKAGE / room
    return sorted(path.rglob("*.py")) if path.is_dir() else [path.with_suffix(".py")]


def imports(path, top_level=False):
    """Dotted names that a file imports; `top_level` leaves out those inside functions."""
    tree = ast.parse(path.read_text())
    for node in tree.body if top_level else ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def rooms_imported(path):
    for name in imports(path):
        package, _, rest = name.partition(".")
        if package == "pqmim_jax":
            yield rest.partition(".")[0]


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_imports_run_downwards(room):
    files = sources(room)
    assert files
    for path in files:
        assert path.is_file()
        wrong = set(rooms_imported(path)) - MAY_IMPORT[room] - {room}
        assert not wrong, f"{path.relative_to(ROOT)} imports {sorted(wrong)}"


def test_no_room_imports_the_command_line():
    for path in PACKAGE.rglob("*.py"):
        if path.relative_to(PACKAGE).parts[0] not in ("cli", "cli.py", "__main__.py"):
            assert "cli" not in set(rooms_imported(path)), path


@pytest.mark.parametrize("room", WITHOUT_JAX)
def test_rooms_that_run_without_jax(room):
    for path in sources(room):
        used = {name.partition(".")[0] for name in imports(path)}
        assert not used & JAX, f"{path.relative_to(ROOT)} imports {sorted(used & JAX)}"


def test_nothing_heavy_is_imported_outside_data_training_and_evaluation():
    for path in PACKAGE.rglob("*.py"):
        room = path.relative_to(PACKAGE).parts[0]
        if room not in ("data", "training", "evaluation", "export"):
            used = {name.partition(".")[0] for name in imports(path, top_level=True)}
            assert not used & HEAVY, f"{path.relative_to(ROOT)} imports {sorted(used & HEAVY)}"


@pytest.mark.parametrize("path", sorted((ROOT / "configs").rglob("*.py")), ids=lambda p: p.stem)
def test_every_config_loads(path):
    config = load_config(path)
    assert config.stages
    assert set(config.stages) <= set(STAGES)
