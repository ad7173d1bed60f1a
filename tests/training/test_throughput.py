import jax
import jax.numpy as jnp
import pytest

from pqmim_jax.training.throughput import Throughput, peak_flops, step_flops


@pytest.mark.parametrize(
    ("kind", "peak"),
    [
        ("TPU v5 lite", 197e12),
        ("TPU v5", 459e12),
        ("TPU v5p", 459e12),
        ("NVIDIA H100 80GB HBM3", 989e12),
        ("cpu", None),
        ("TPU v50", None),
    ],
)
def test_peaks_go_by_the_whole_name_of_a_chip(kind, peak):
    assert peak_flops(kind) == peak


def test_flops_are_those_of_the_program_times_the_passes_over_the_devices():
    shape = jax.ShapeDtypeStruct((64, 64), jnp.float32)
    lowered = jax.jit(lambda a, b: a @ b).lower(shape, shape)
    assert step_flops(lowered, 1, 1) == pytest.approx(2 * 64**3, rel=0.05)
    assert step_flops(lowered, 3, 1) == 3 * step_flops(lowered, 1, 1)
    assert step_flops(lowered, 1, 4) == step_flops(lowered, 1, 1) / 4


def test_speed_and_waiting_are_averages_since_the_last_report(monkeypatch):
    clock = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: clock[0])

    def batches():
        while True:
            clock[0] += 1.0  # waiting
            yield "batch"

    throughput = Throughput(8, last_step=10, first_step=0, flops=None)
    source = batches()
    for _ in range(2):
        assert throughput.next_batch(source) == "batch"
        clock[0] += 3.0  # computing
    report = throughput.report(2)
    assert report["step_s"] == 4
    assert report["data_wait_s"] == 1
    assert report["images_per_s"] == 2
    assert report["left_s"] == 32
    assert "mfu" not in report
    clock[0] += 100.0  # a validation pass
    throughput.restart(2)
    clock[0] += 5.0
    assert throughput.report(3)["step_s"] == 5
