"""tools/benchmark_input.py runs, and its figures agree with one another."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def run_tool(*arguments):
    command = [sys.executable, ROOT / "tools/benchmark_input.py", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


def test_the_benchmark_reports_images_per_second_and_the_cores_that_takes(image_folder):
    run = run_tool(
        f"--config={ROOT / 'configs/imagenet_pqvae.py'}",
        f"--config.data.source=folder:{image_folder}",
        "--config.data.num_threads=1",
        "--config.pqvae_training.crop=32",
        "--seconds=0.5",
        "--images-per-chip-second=100000",
    )
    assert run.returncode == 0, run.stderr
    figures = dict(re.findall(r"^(\S.*?) {2,}([\d.]+)$", run.stdout, re.MULTILINE))
    speed, cores, per_core, mib, needed = (float(value) for value in figures.values())
    assert speed > 0
    # Within what is lost by printing few decimals.
    assert speed == pytest.approx(per_core * cores, abs=0.006 * per_core + 0.1)
    assert mib == pytest.approx(speed * 32 * 32 * 3 / 2**20, abs=0.06)
    assert needed == pytest.approx(100_000 / per_core, abs=10)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--config.data.sourcee=x"], "did you mean --config.data.source"),
        (["--config.data.source=folder:/no/such/folder"], "no such folder"),
        (["--seconds=0"], "must be > 0"),
    ],
)
def test_bad_arguments_are_one_line_errors(arguments, message):
    run = run_tool(f"--config={ROOT / 'configs/imagenet_pqvae.py'}", *arguments)
    assert run.returncode == 2
    assert message in run.stderr
    assert "Traceback" not in run.stderr
