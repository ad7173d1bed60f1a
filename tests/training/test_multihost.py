"""Runs of several processes and shardings: the same numbers, exact resume, no hanging."""

import json
import random
import signal
import time

import numpy as np
import pytest
from training_process import start, start_hosts

from pqmim_jax.training.checkpoints import restore_params

STAGES = ("pqvae", "mim")
LOSSES = ("distortion", "bits_per_index", "validation/mse", "validation/bits_per_pixel")
STEPS = 20


@pytest.fixture
def config(make_config):
    """20 steps of both stages with one block everywhere."""
    return _blocks(make_config())


def _blocks(config):
    config.autoencoder.update(encoder_width=16, encoder_depth=1, decoder_width=16, decoder_depth=1)
    config.mim.update(width=16, depth=1, heads=2)
    for section in (config.pqvae_training, config.mim_training):
        section.update(steps=STEPS, batch_size=8)
    config.validation.update(source=config.data.source, every=10, batch_size=4)
    # With this seed no sub-vector comes to lie halfway between two codewords. Where one does, the
    # order of sums decides about its index, and losses part by 1e-3 on the same devices too.
    config.seed = 3
    return config


@pytest.fixture(scope="module")
def reference(make_config, tmp_path_factory):
    """Workdir of a run of one process with four devices, data parallel."""
    workdir = tmp_path_factory.mktemp("reference") / "run"
    status, log = start(_blocks(make_config()), workdir, devices=4).wait_for_end()
    assert status == 0, log
    return workdir


def metrics(workdir, stage):
    return [json.loads(line) for line in (workdir / stage / "metrics.jsonl").open()]


def assert_same_metrics(workdir, reference, rtol):
    for stage in STAGES:
        lines, expected = metrics(workdir, stage), metrics(reference, stage)
        assert [line["step"] for line in lines] == list(range(1, STEPS + 1))
        for line, other in zip(lines, expected, strict=True):
            assert line.keys() == other.keys()
            for name in line:
                # One sub-vector halfway between two codewords moves the others more than a loss.
                tolerance = rtol if name in LOSSES else 10 * rtol
                message = f"{stage} step {line['step']} {name}"
                a, b = (np.array(x[name], float) for x in (line, other))
                np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance, err_msg=message)


def run_hosts(config, workdir, hosts, devices):
    processes = start_hosts(config, workdir, hosts, devices)
    ends = [process.wait_for_end() for process in processes]
    for status, log in ends:
        assert status == 0, log


@pytest.mark.parametrize(("hosts", "devices"), [(2, 2), pytest.param(4, 1, marks=pytest.mark.slow)])
def test_hosts_and_devices_do_not_change_the_losses(config, reference, tmp_path, hosts, devices):
    run_hosts(config, tmp_path / "run", hosts, devices)
    assert_same_metrics(tmp_path / "run", reference, rtol=1e-5)
    weights = "weights.safetensors"
    assert (tmp_path / "run" / "model" / weights).stat().st_size == (
        reference / "model" / weights
    ).stat().st_size


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"mesh.fsdp": 4}, marks=pytest.mark.slow),
        pytest.param({"mesh.fsdp": 2, "mesh.tensor": 2}, marks=pytest.mark.slow),
        pytest.param(
            {"pqvae_training.remat": True, "mim_training.remat": True}
            | {"pqvae_training.accumulate_steps": 2, "mim_training.accumulate_steps": 2},
            marks=pytest.mark.slow,
        ),
    ],
    ids=["fsdp", "fsdp+tensor", "remat+accumulation"],
)
def test_shardings_and_memory_savers_do_not_change_the_losses(config, reference, tmp_path, changes):
    config.update_from_flattened_dict(changes)
    status, log = start(config, tmp_path / "run", devices=4).wait_for_end()
    assert status == 0, log
    assert_same_metrics(tmp_path / "run", reference, rtol=1e-4)
    assert json.loads((tmp_path / "run" / "traces.json").read_text()) == {"pqvae": 1, "mim": 1}


def test_a_killed_run_goes_on_to_the_same_metrics_bit_for_bit(config, reference, tmp_path):
    workdir = tmp_path / "run"
    config.checkpoints.every = 3
    stage, step = random.choice(STAGES), random.randint(4, STEPS - 1)
    process = start(config, workdir, devices=4)
    process.wait_for_line(workdir / stage / "metrics.jsonl", f'"step": {step},')
    process.send(signal.SIGKILL)
    process.wait_for_end()
    status, log = start(config, workdir, devices=4).wait_for_end()
    assert status == 0, log
    for name in STAGES:
        path = f"{name}/metrics.jsonl"
        message = f"killed in {stage} at step {step}"
        assert (workdir / path).read_bytes() == (reference / path).read_bytes(), message


def test_two_hosts_stop_on_sigterm_and_two_devices_go_on(config, reference, tmp_path):
    workdir = tmp_path / "run"
    hosts = start_hosts(config, workdir, 2, 2)
    hosts[0].wait_for_line(workdir / "pqvae" / "metrics.jsonl", '"step": 4,')
    hosts[1].send(signal.SIGTERM)
    began = time.monotonic()
    ends = [host.wait_for_end(120) for host in hosts]
    assert time.monotonic() - began < 60
    for status, log in ends:
        assert status != 0
        assert "checkpoint saved" in log
    saved = metrics(workdir, "pqvae")[-1]["step"]
    assert "linear_analysis" in restore_params(workdir / "pqvae" / "checkpoints")
    status, log = start(config, workdir, devices=2).wait_for_end()
    assert status == 0, log
    assert f"pqvae step {saved + 1}/" in log
    assert f"pqvae step {saved}/" not in log
    assert_same_metrics(workdir, reference, rtol=1e-4)


def test_a_host_whose_peer_dies_ends_with_a_clear_error(config, tmp_path):
    workdir = tmp_path / "run"
    config.pqvae_training.steps = 100_000
    hosts = start_hosts(config, workdir, 2, 1)
    hosts[0].wait_for_line(workdir / "pqvae" / "metrics.jsonl", '"step": 4,')
    hosts[1].send(signal.SIGKILL)
    hosts[1].wait_for_end()
    status, log = hosts[0].wait_for_end(180)
    assert status not in (0, None)
    assert "another process of the run may be gone" in log


def test_two_hosts_take_crops_from_tiles_and_end_together_when_the_time_is_over(config, tmp_path):
    config.stages = ("pqvae",)
    config.data.update(tile=40, crops_per_image=1, min_scale=1.0, max_scale=1.0)
    config.pqvae_training.update(steps=10**6, max_seconds=3.0)
    config.log_every = 1000
    config.validation.every = 0
    run_hosts(config, tmp_path / "run", 2, 1)
    (line,) = [line for line in metrics(tmp_path / "run", "pqvae") if "validation/mse" in line]
    assert 10 <= line["step"] < 10**6
    status, log = start(config, tmp_path / "run", devices=1).wait_for_end()
    assert status == 0, log
    assert "pqvae step" not in log  # nothing is left to do
