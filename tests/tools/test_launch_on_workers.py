"""The TPU launcher for real, but for the cloud: its gcloud is two folders, one for each worker."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

LAUNCHER = Path(__file__).parents[2] / "tools" / "launch_tpu_pod.sh"
GCLOUD = """
cd "$CLOUD"
verb=$4
echo "$verb" >>calls
case $verb in
    describe) cat state ;;
    create) echo READY >state; mkdir worker-0 worker-1 ;;
    delete) rm -r state worker-0 worker-1 ;;
    scp) cp "$5" "$6" worker-0; cp "$5" "$6" worker-1 ;;
    ssh)
        for argument in "$@"; do
            case $argument in --command=*) command=${argument#--command=} ;; esac
        done
        (cd worker-0; HOME=$PWD bash -c "$command") & first=$!
        (cd worker-1; HOME=$PWD bash -c "$command") & second=$!
        status=0; wait $first || status=1; wait $second || status=1; exit $status
        ;;
esac
"""
# Only `uv venv` matters: it makes the folder that `pqmim` is started from.
PYTHON3 = """
if [ "$1 $2 $3" = "-m uv venv" ]; then
    mkdir -p venv/bin
    cp "$CLOUD/pqmim" venv/bin/pqmim
fi
"""
PQMIM = """#!/usr/bin/env bash
printf '%s\\0' "$@" >>"$CLOUD/argv-$(basename "$HOME")"
pwd >"$CLOUD/folder-$(basename "$HOME")"
if [ -s "$CLOUD/preempt" ] && [ "$(basename "$HOME")" = "$(cat "$CLOUD/preempt")" ]; then
    rm "$CLOUD/preempt"
    echo PREEMPTED >"$CLOUD/state"
    echo "the loss of worker 1"
    exit 130
fi
"""
ARGV = [
    "train",
    "--distributed=auto",
    "--config=c.py",
    "--workdir=gs://b/r",
    "--config.s=q(a, b=2)",
]


@pytest.fixture
def checkout(tmp_path):
    """A git repository with the launcher and one config."""
    root = tmp_path / "checkout"
    (root / "tools").mkdir(parents=True)
    for name in (LAUNCHER.name, "command_line.sh"):
        shutil.copy(LAUNCHER.with_name(name), root / "tools")
    (root / "c.py").write_text("")
    git = ["git", "-C", root, "-c", "user.name=t", "-c", "user.email=t@example.org"]
    for command in (["init", "-q"], ["add", "."], ["commit", "-qm", "all"]):
        subprocess.run([*git, *command], check=True)
    return root / "tools"


@pytest.fixture
def launch(tool, programs, checkout, tmp_path):
    cloud = tmp_path / "cloud"
    cloud.mkdir()
    (cloud / "pqmim").write_text(PQMIM)
    (cloud / "pqmim").chmod(0o755)
    path = programs(gcloud=GCLOUD, python3=PYTHON3)

    def run(*options):
        pod = ("pod", "--zone", "z", "--accelerator-type", "v4-16", "--retry-pause", "0")
        return tool(
            LAUNCHER.name,
            *(*pod, *options, "--", *ARGV[2:]),
            folder=checkout,
            PATH=path,
            CLOUD=os.fspath(cloud),
        )

    return run, cloud


def argv(cloud, worker):
    return (cloud / f"argv-worker-{worker}").read_text().split("\0")[:-1]


def test_every_worker_trains_in_its_copy_with_the_same_options(launch):
    run, cloud = launch
    finished = run()
    assert finished.returncode == 0, finished.stderr
    for worker in (0, 1):
        assert argv(cloud, worker) == ARGV
        home = cloud / f"worker-{worker}"
        assert (cloud / f"folder-worker-{worker}").read_text().strip() == f"{home}/pqmim-jax/source"
        assert (home / "pqmim-jax/source/c.py").exists()


def test_a_preempted_slice_is_made_anew_and_training_started_again(launch):
    run, cloud = launch
    (cloud / "preempt").write_text("worker-1")
    finished = run("--spot", "--retry", "1")
    assert finished.returncode == 0, finished.stderr
    assert "exit status 130" in finished.stderr
    assert "the loss of worker 1" in finished.stderr
    calls = (cloud / "calls").read_text().split()
    attempt = ["scp", "ssh", "ssh"]
    once = ["describe", "create", "describe", *attempt]
    assert calls == [*once, "describe", "delete", *once]
    assert argv(cloud, 1) == ARGV * 2


def test_without_retry_a_failure_is_the_exit_status(launch):
    run, cloud = launch
    (cloud / "preempt").write_text("worker-1")
    failed = run()
    assert failed.returncode == 1
    assert "error: training failed 1 times" in failed.stderr
    assert (cloud / "calls").read_text().split().count("create") == 1
