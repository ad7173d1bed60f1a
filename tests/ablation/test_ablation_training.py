"""Whole ablations, trainings included: run twice, killed and resumed, shared, on more devices."""

import csv
import os
import signal
import subprocess
import sys
import time

import pytest

pytestmark = pytest.mark.slow  # minutes: each process compiles and trains

TABLES = ("results.csv", "results.jsonl", "images.csv", "comparisons.csv", "winners.csv")
SECONDS = 300  # until something that must come has come


@pytest.fixture(autouse=True)
def _environment(no_repository):
    """See there."""


@pytest.fixture(scope="module")
def command(ablation_config):
    """Function (workdir, further arguments) -> command line; 2 seeds x 3 schedules."""
    start = [sys.executable, "-m", "pqmim_jax", "ablate", f"--config={ablation_config}"]
    start += ["--config.mim_training.steps=12", "--config.checkpoints.every=1"]
    return lambda folder, *more: [*start, f"--workdir={folder}", *more]


@pytest.fixture(scope="module")
def whole(command, tmp_path_factory):
    """Workdir of a run that nothing disturbed."""
    folder = tmp_path_factory.mktemp("whole")
    environment = {**os.environ, "GIT_DIR": str(folder / "none")}
    subprocess.run(command(folder), check=True, env=environment)
    return folder


def tables_of(folder):
    return {name: (folder / name).read_bytes() for name in TABLES}


def run_until(command, appears):
    """SIGKILLs a process as soon as there is something that `appears()`."""
    process = subprocess.Popen(command)
    until = time.monotonic() + SECONDS
    while not appears():
        assert process.poll() is None, "it ended before it could be killed"
        assert time.monotonic() < until
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()


def test_run_twice_the_tables_are_the_same(command, whole, tmp_path):
    subprocess.run(command(tmp_path), check=True)
    assert tables_of(tmp_path) == tables_of(whole)


def test_killed_and_resumed_the_tables_are_the_same(command, whole, tmp_path):
    def checkpoints():
        folders = tmp_path.glob("trained/*/mim/checkpoints/*")
        return [folder for folder in folders if folder.name.isdigit()]  # whole ones

    def cells():
        return list(tmp_path.glob("cells/*.json"))

    run_until(command(tmp_path), checkpoints)
    assert not list(tmp_path.glob("trained/*/done.json")), "killed within the first training"
    run_until(command(tmp_path), cells)
    assert 1 <= len(cells()) < 6
    subprocess.run(command(tmp_path), check=True)
    assert len(cells()) == 6
    assert tables_of(tmp_path) == tables_of(whole)


def test_two_processes_share_a_workdir(command, whole, tmp_path):
    both = [subprocess.Popen(command(tmp_path)) for _ in range(2)]
    assert [process.wait() for process in both] == [0, 0]
    assert tables_of(tmp_path) == tables_of(whole)
    assert subprocess.run(command(tmp_path, "--verify=train")).returncode == 0
    assert subprocess.run(command(tmp_path, "--verify")).returncode == 0


def test_across_device_counts_bits_agree(command, whole, tmp_path):
    flags = "--xla_force_host_platform_device_count=2"
    subprocess.run(command(tmp_path), check=True, env={**os.environ, "XLA_FLAGS": flags})
    log = next(tmp_path.glob("trained/*/mim/config.json")).read_text()
    assert '"data": -1' in log, "the batch is split over all devices"

    def bits(folder):
        with open(folder / "results.csv", newline="") as file:
            return [float(row["bits_per_index"]) for row in csv.DictReader(file)]

    assert bits(tmp_path) == pytest.approx(bits(whole), rel=1e-4)
