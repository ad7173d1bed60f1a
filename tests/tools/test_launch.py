"""What the launchers print: nothing here needs gcloud, SLURM or a network."""

import os
import subprocess
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

POD = ("pod", "--zone", "z", "--accelerator-type", "v5litepod-256")
SLURM = ("--nodes", "4", "--gpus-per-node", "8")
BUNDLE = ("--python", "3.12", "-o", "bundle.tar.gz")
TRAIN = ("--config=configs/smoke.py", "--workdir=gs://bucket/run")
AWKWARD = (
    "--config.codec.schedule=qlds(stages=8, alpha=2.2)",
    '--config.data.source=folder:/it\'s "here"/$HOME;`x`&*~\\',
    "--config.empty=",
)


def bash_words(line):
    """The argv that bash makes of a line."""
    listed = subprocess.run(
        ["bash", "-c", f"printf '%s\\0' {line}"], capture_output=True, text=True, check=True
    )
    return listed.stdout.split("\0")[:-1]


def pod_train_argv(printed):
    """argv of `pqmim` on a worker: gcloud's --command is split once more by the worker's shell."""
    ssh = bash_words(printed.splitlines()[-1])
    assert ssh[:6] == ["gcloud", "compute", "tpus", "tpu-vm", "ssh", "pod"]
    assert "--worker=all" in ssh
    (command,) = (word for word in ssh if word.startswith("--command="))
    words = bash_words(command.removeprefix("--command="))
    return words[words.index("pqmim") :]


def slurm_train_argv(printed):
    (line,) = (line for line in printed.splitlines() if line.startswith("    pqmim train"))
    return bash_words(line.removesuffix(" || status=$?"))


@pytest.mark.parametrize(
    "name, options, argv_of",
    [("launch_tpu_pod.sh", POD, pod_train_argv), ("launch_slurm.sh", SLURM, slurm_train_argv)],
)
def test_train_options_survive_the_shells(tool, name, options, argv_of):
    printed = tool(name, *options, "--dry-run", "--", *TRAIN, *AWKWARD)
    assert printed.returncode == 0, printed.stderr
    assert argv_of(printed.stdout) == ["pqmim", "train", "--distributed=auto", *TRAIN, *AWKWARD]


@settings(max_examples=15, deadline=None)
@given(value=st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=30))
def test_any_printable_value_survives_slurm(tool, value):
    override = f"--config.name={value}"
    printed = tool("launch_slurm.sh", *SLURM, "--dry-run", "--", *TRAIN, override)
    assert slurm_train_argv(printed.stdout)[-1] == override


def test_pod_dry_run_prints_every_command_and_calls_none(tool, programs):
    path = programs(gcloud="echo called >&2")
    options = ("--spot", "--queued", "--dry-run")
    printed = tool("launch_tpu_pod.sh", *POD, *options, "--", *TRAIN, PATH=path)
    assert printed.returncode == 0
    assert "called" not in printed.stderr
    commands = [bash_words(line) for line in printed.stdout.splitlines() if line[0] != "#"]
    assert [command[3:5] for command in commands if command[0] == "gcloud"] == [
        ["queued-resources", "describe"],
        ["queued-resources", "create"],
        ["tpu-vm", "scp"],
        ["tpu-vm", "ssh"],
        ["tpu-vm", "ssh"],
    ]
    (create,) = (command for command in commands if "create" in command)
    assert {"--spot", "--runtime-version=v2-alpha-tpuv5-lite", "--node-id=pod"} <= set(create)


def test_slurm_directives(tool):
    options = ("--setup", "module load cuda", "--sbatch", "--account=a b")
    printed = tool("launch_slurm.sh", *SLURM, *options, "--dry-run", "--", *TRAIN).stdout
    directives = [line for line in printed.splitlines() if line.startswith("#SBATCH ")]
    for option in ("--nodes=4", "--ntasks-per-node=8", "--gpus-per-node=8", "--account=a b"):
        assert f"#SBATCH {option}" in directives
    assert {"#SBATCH --signal=TERM@120", "#SBATCH --requeue"} <= set(directives)


@pytest.mark.parametrize(
    "status, left_s, requeued", [(130, 100, True), (130, 4000, False), (0, 100, False)]
)
def test_slurm_job_requeues_itself_only_at_the_time_limit(
    tool, programs, tmp_path, status, left_s, requeued
):
    log = tmp_path / "log"
    path = programs(
        setup=f"echo setup >>{log}",
        srun=f"echo srun >>{log}; exit {status}",
        scontrol=f'echo "scontrol $*" >>{log}',
    )
    script = tool("launch_slurm.sh", *SLURM, "--setup", "setup", "--dry-run", "--", *TRAIN).stdout
    ends = str(int(time.time()) + left_s)
    job = {**os.environ, "PATH": path, "SLURM_JOB_ID": "7", "SLURM_JOB_END_TIME": ends}
    ended = subprocess.run(["bash"], input=script, text=True, env=job)
    assert ended.returncode == status
    expected = ["setup", "srun", "scontrol requeue 7"] if requeued else ["setup", "srun"]
    assert log.read_text().splitlines() == expected


def test_slurm_submits_what_it_prints(tool, programs, tmp_path):
    path = programs(sbatch=f"cat >{tmp_path}/submitted")
    printed = tool("launch_slurm.sh", *SLURM, "--dry-run", "--", *TRAIN).stdout
    assert tool("launch_slurm.sh", *SLURM, "--", *TRAIN, PATH=path).returncode == 0
    assert (tmp_path / "submitted").read_text() == printed


def test_bundle_dry_run_prints_the_pip_commands(tool):
    printed = tool(
        "offline_bundle.sh", *BUNDLE, "--accelerator", "cuda12", "--dry-run", PQMIM_PYTHON="python3"
    )
    assert printed.returncode == 0, printed.stderr
    commands = [bash_words(line) for line in printed.stdout.splitlines() if line[0] != "#"]
    (download,) = (command for command in commands if "download" in command)
    assert download[download.index("--python-version") + 1] == "3.12"
    assert {"manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux1_x86_64"} <= set(download)
    assert "manylinux_2_29_x86_64" not in download
    compiles = [command for command in commands if "compile" in command]
    assert all("x86_64-manylinux_2_28" in command for command in compiles)
    assert "--no-index" in compiles[-1]


@pytest.mark.parametrize("name", ["launch_tpu_pod.sh", "launch_slurm.sh", "offline_bundle.sh"])
def test_help(tool, name):
    printed = tool(name, "--help")
    assert printed.returncode == 0
    assert f"usage: tools/{name}" in printed.stdout
    assert "--dry-run" in printed.stdout
    assert "set -euo" not in printed.stdout


@pytest.mark.parametrize(
    "name, arguments, message",
    [
        ("launch_tpu_pod.sh", (*POD, "--sopt"), "unknown option --sopt"),
        ("launch_tpu_pod.sh", ("pod", "--zone"), "--zone needs a value"),
        ("launch_tpu_pod.sh", (*POD, "--", *TRAIN, "--distributed=none"), "--distributed"),
        ("launch_tpu_pod.sh", (*POD, "--", "--config=typo.py", TRAIN[1]), "no file typo.py"),
        ("launch_tpu_pod.sh", (*POD, "--", TRAIN[0]), "--workdir"),
        ("launch_tpu_pod.sh", (*POD, "--revision", "typo", "--", *TRAIN), "not a git revision"),
        ("launch_slurm.sh", (*SLURM, "--node", "3"), "unknown option --node"),
        ("launch_slurm.sh", ("--nodes", "0", *SLURM[2:], "--", *TRAIN), "--nodes"),
        ("offline_bundle.sh", (*BUNDLE, "--acelerator"), "unknown option --acelerator"),
        ("offline_bundle.sh", (*BUNDLE, "--accelerator", "gpu"), "choices: none, cuda12"),
        ("offline_bundle.sh", ("--python", "3.10", *BUNDLE[2:]), "3.11 or newer"),
    ],
)
def test_a_mistake_is_one_line_and_exit_2(tool, name, arguments, message):
    refused = tool(name, *arguments)
    assert refused.returncode == 2
    assert refused.stdout == ""
    (line,) = refused.stderr.splitlines()
    assert line.startswith("error: ")
    assert message in line
