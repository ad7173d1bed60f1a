"""The tool, as a person runs it."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

from pqmim_jax.scale_plan import plan
from pqmim_jax.scale_plan.chips import parse_topology
from pqmim_jax.scale_plan.errors import PlanError

ROOT = Path(__file__).parents[2]
TOOL = ROOT / "tools" / "plan_scale.py"
needs_libtpu = pytest.mark.skipif(
    importlib.util.find_spec("libtpu") is None, reason="libtpu is not installed"
)

# One block each, narrow, the head without steps: a program that compiles in seconds.
TINY = {
    "autoencoder": {"encoder_width": 16, "encoder_depth": 1, "decoder_width": 16, "heads": 1},
    "mim": {"width": 16, "depth": 1, "heads": 1, "head": "independent", "embedding_dim": 4},
    "codec": {"window": 2, "halo": 1, "schedule": "checkerboard"},
    "mim_training": {"batch_size": 16, "crop": 64},
    "pqvae_training": {"batch_size": 16, "crop": 64},
}
TINY["autoencoder"] |= {"decoder_depth": 1, "num_codebooks": 2, "num_codewords": 8}


TINY_ARGUMENTS = [
    f"--config.{section}.{key}={value}"
    for section, keys in TINY.items()
    for key, value in keys.items()
]
SMOKE = ["--config", str(ROOT / "configs" / "smoke.py")]


@pytest.fixture
def tool(monkeypatch):
    """The tool as a module, that leaves the environment of the tests alone."""
    from pqmim_jax.scale_plan import environment

    spec = importlib.util.spec_from_file_location("plan_scale", TOOL)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(environment, "prepare", lambda: None)
    return module


@needs_libtpu
def test_train_step_compiles_for_a_slice_that_is_not_there(tmp_path):
    out = tmp_path / "plan.json"
    arguments = ["--weak-scaling=v5e:3x3,v5e:4x4", "--batch-per-chip=1", f"--json={out}"]
    arguments += [*SMOKE, "--config.mesh.fsdp=4", *TINY_ARGUMENTS]
    result = subprocess.run([sys.executable, str(TOOL), *arguments], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    unknown, plan = json.loads(out.read_text())
    assert unknown["error"].startswith("libtpu knows no topology 'v5e:3x3'")
    assert result.stdout.splitlines()[2].startswith("| v5e:3x3 | libtpu knows no topology")
    assert (plan["chips"], plan["batch_size"], plan["fits"]) == (16, 16, True)
    assert plan["mesh"] == {"data": 4, "fsdp": 4, "tensor": 1}
    assert 0 < plan["memory_total"] < 2**30
    assert plan["flops"] > 0
    assert 0 < plan["mfu"] < 1
    groups = {(each["kind"], each["group"]) for each in plan["collectives"]}
    assert ("all-reduce", 16) in groups, "losses are summed over all chips"
    assert ("all-gather", 4) in groups, "parameters are gathered over fsdp"
    assert plan["images_per_s"] == pytest.approx(16 / plan["step_s"])


def test_without_libtpu_it_says_how_to_get_it(tool, monkeypatch, capsys):
    monkeypatch.setattr(plan.importlib.util, "find_spec", lambda name: None)
    for arguments in (
        ["--topology=v5e:4x4"],
        ["--topology=v5e:4x4", "--sweep", "batch=16,32"],
        ["--weak-scaling=v5e:1x1,v5e:4x4", "--batch-per-chip=1"],
    ):
        assert tool.main([*SMOKE, *arguments]) == 1
        assert capsys.readouterr().err.endswith(": pip install 'pqmim-jax[plan]'\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--topology=v5e:4x4", "--config.mim.wdth=3"], "did you mean --config.mim.width"),
        (["--topology=v5e:4x4", "--sweep", "wdth=3"], "unknown key --config.wdth"),
        (["--weak-scaling=v5e:1x1"], "--batch-per-chip"),
        ([], "required"),
    ],
)
def test_wrong_usage(tool, arguments, message, capsys):
    with pytest.raises(SystemExit) as caught:
        tool.main([*SMOKE, *arguments])
    assert caught.value.code == 2
    assert message in capsys.readouterr().err.splitlines()[-1]


def test_unknown_chip_is_one_line(tool, capsys):
    assert tool.main([*SMOKE, "--topology=v9:4x4"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "unknown topology 'v9:4x4'" in line


def test_sweep_goes_on_after_what_does_not_fit(tool, monkeypatch, capsys):
    def make_plan(config, stage, topology):
        batch = config.mim_training.batch_size
        if batch == 64:
            raise PlanError("does not fit: out of memory")
        memory = plan.Memory(2**30, 0, (batch // 32) * 2**34, 0)
        mesh = {"data": 16, "fsdp": 1, "tensor": 1}
        where = parse_topology(topology)
        return plan.Plan(where, stage, batch, 1, mesh, memory, 1e12, 1e9, [], 1.0)

    monkeypatch.setattr(tool, "make_plan", make_plan)
    assert tool.main([*SMOKE, "--topology=v5e:4x4", "--sweep", "batch=64,32,16"]) == 0
    too_big, too_full, fitting = capsys.readouterr().out.splitlines()[2:]
    assert too_big.startswith("| batch 64 | does not fit: out of memory |")
    assert too_full.startswith("| batch 32 | 17.00 | no |")
    assert fitting.startswith("| batch 16 | 1.00 | yes |")
    assert len({line.count("|") for line in (too_big, too_full, fitting)}) == 1
    assert tool.main([*SMOKE, "--topology=v5e:4x4", "--sweep", "batch=64,32"]) == 1
