"""The command as such: imports, help, usage errors, and `pqmim train` up to the training."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import pqmim_jax

ROOT = Path(pqmim_jax.__file__).parents[1]
COMMANDS = (
    "compress", "decompress", "info", "models", "evaluate", "train", "integers", "completion",
    "help",
)  # fmt: skip
HEAVY = {
    "clu", "flax", "grain", "jax", "jaxlib", "onnx", "optax", "orbax", "tensorflow",
    "tensorflow_datasets",
}  # fmt: skip
CONFIG = """
from pqmim_jax.training import default_config

def get_config():
    return default_config.get_config()
"""


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "config.py"
    path.write_text(CONFIG)
    return path


def imported_by(*arguments):
    """Names of the packages that this command line of Python imports."""
    done = python("-X", "importtime", *arguments)
    assert done.returncode == 0
    modules = [line.rpartition("|")[2].strip() for line in done.stderr.splitlines()]
    return {module.partition(".")[0] for module in modules}


def python(*arguments):
    return subprocess.run(
        [sys.executable, *map(str, arguments)], capture_output=True, text=True, timeout=300
    )


def test_import_of_the_package_imports_nothing_heavy():
    imported = imported_by("-c", "import pqmim_jax")
    assert "pqmim_jax" in imported and not imported & HEAVY


@pytest.mark.parametrize("arguments", [["--help"], ["help", "compress"]])
def test_help_imports_next_to_nothing(arguments):
    imported = imported_by("-m", "pqmim_jax", *arguments)
    assert "pqmim_jax" in imported and not imported & {*HEAVY, "numpy", "PIL", "tqdm", "shtab"}


def test_installed_command_is_main():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["scripts"]["pqmim"] == "pqmim_jax.cli:main"


def test_version(pqmim):
    assert pqmim("--version").out == f"pqmim {pqmim_jax.__version__}\n"


@pytest.mark.parametrize("command", COMMANDS)
def test_help_gives_an_example(pqmim, command):
    done = pqmim(command, "--help")
    assert done.code == 0
    assert f"  pqmim {command}" in done.out.partition("example")[2]


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["squeeze"],
        ["compress"],
        ["compress", "a.png", "--qualty", "1"],
        ["compress", "a.png", "--quality", "high"],
        ["compress", "a.png", "--config.x=1"],
        ["train", "--config=c.py"],
        ["train", "--config=c.py", "--workdir=w", "--steps=3"],
        ["train", "--config=c.py", "--workdir=w", "--config.mim.width"],
        ["train", "--config=c.py", "--workdir=w", "--config.mim.width", "--config.seed=1"],
        ["train", "--config=c.py", "--workdir=w", "stray"],
    ],
)
def test_wrong_usage_exits_2(pqmim, arguments):
    done = pqmim(*arguments)
    assert done.code == 2
    assert "usage:" in done.err


def test_ctrl_c_exits_130(pqmim, monkeypatch):
    def interrupt():
        raise KeyboardInterrupt

    monkeypatch.setattr("pqmim_jax.model_store.packaged_names", interrupt)
    assert pqmim("models").code == 130


def test_a_bug_is_not_dressed_up_as_the_users_error(pqmim, monkeypatch):
    def bug():
        raise ValueError("shapes do not match")

    monkeypatch.setattr("pqmim_jax.model_store.packaged_names", bug)
    with pytest.raises(ValueError):
        pqmim("models")


def test_show_traceback(pqmim, tmp_path):
    done = pqmim("--show-traceback", "info", tmp_path / "missing.pqm")
    assert done.code == 1
    assert "Traceback" in done.err
    assert done.error_lines[-1].startswith("pqmim: error: ")


def test_models(pqmim, monkeypatch, tmp_path, tiny_model, codec):
    assert pqmim("models").code == 0
    (tmp_path / "tiny").symlink_to(tiny_model)
    monkeypatch.setattr("pqmim_jax.model_store._packaged", lambda: tmp_path)
    monkeypatch.setattr("pqmim_jax.model_store.DEFAULT", "tiny")
    _, line = pqmim("models").out.splitlines()
    mark, name, fingerprint, decoder, qualities, f, *size = line.split()
    assert (mark, name, qualities, f) == ("*", "tiny", "4", "16")
    assert fingerprint == f"{codec.model.fingerprint:08x}"
    assert decoder == f"{codec.model.decoder:04x}"
    on_disk = sum(file.stat().st_size for file in tiny_model.iterdir())
    assert float(size[0]) == pytest.approx(on_disk / 1e6, abs=0.051)


@pytest.mark.parametrize(
    "override, nearest",
    [
        ("--config.mim.wdth=64", "mim.width"),
        ("--config.pqvae_training.step=3", "pqvae_training.steps"),
    ],
)
def test_train_names_the_key_nearest_to_a_misspelt_one(pqmim, config, tmp_path, override, nearest):
    done = pqmim("train", f"--config={config}", f"--workdir={tmp_path / 'run'}", override)
    assert done.code == 1
    assert len(done.error_lines) == 1
    assert f"did you mean --config.{nearest}?" in done.err
    assert not (tmp_path / "run").exists()


def test_train_without_its_config_file(pqmim, tmp_path):
    done = pqmim("train", "--config", tmp_path / "none.py", "--workdir", tmp_path / "run")
    assert done.code == 1
    assert "none.py" in done.err


@pytest.fixture
def trained_with(monkeypatch):
    """Calls of `train`, which is replaced: [(config, workdir), ...]."""
    from pqmim_jax.training import run

    calls = []
    monkeypatch.setattr(run, "train", lambda config, workdir: calls.append((config, workdir)))
    return calls


def test_train_applies_both_forms_of_override(pqmim, config, tmp_path, trained_with):
    done = pqmim(
        "train", "--config.mim.width=64", "--config", config, "--config.data.source",
        "folder:my photos", "--workdir", tmp_path / "run", "--config.mesh.data", "-1",
        "--config.stages=mim",
    )  # fmt: skip
    assert (done.code, done.err) == (0, "")
    [(resolved, workdir)] = trained_with
    assert workdir == str(tmp_path / "run")
    assert resolved.mim.width == 64
    assert resolved.data.source == "folder:my photos"
    assert resolved.mesh.data == -1
    assert resolved.stages == ("mim",)


@pytest.mark.parametrize("kind, code", [("Interrupted", 130), ("TrainingError", 1)])
def test_how_training_ends(pqmim, config, tmp_path, monkeypatch, kind, code):
    from pqmim_jax.training import loop, run

    def train(config, workdir):
        raise getattr(loop, kind)("at step 7")

    monkeypatch.setattr(run, "train", train)
    done = pqmim("train", "--config", config, "--workdir", tmp_path)
    assert done.code == code
    assert len(done.error_lines) == 1 and "at step 7" in done.err


def test_train_without_training_packages_says_what_to_install(config, tmp_path):
    without_grain = (
        "import sys; sys.modules['grain'] = None; from pqmim_jax.cli import main; sys.exit(main())"
    )
    done = python("-c", without_grain, "train", f"--config={config}", f"--workdir={tmp_path}")
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert "grain" in done.stderr and 'pip install "pqmim-jax[train]"' in done.stderr
