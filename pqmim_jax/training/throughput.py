"""How fast a run is, and how much of the chips it uses."""

import time

import jax

# Peak dense bfloat16 FLOP/s of one chip, from the vendors' data sheets (2026-11).
PEAK_FLOPS = {
    "TPU v3": 123e12,
    "TPU v4": 275e12,
    "TPU v5 lite": 197e12,
    "TPU v5e": 197e12,
    "TPU v5": 459e12,
    "TPU v5p": 459e12,
    "TPU v6 lite": 918e12,
    "TPU v6e": 918e12,
    "NVIDIA A100": 312e12,
    "NVIDIA H100": 989e12,
    "NVIDIA H200": 989e12,
}


def peak_flops(device_kind: str) -> float | None:
    """Peak of a chip by the name that JAX has for it; None for one not in the table."""
    if device_kind in PEAK_FLOPS:
        return PEAK_FLOPS[device_kind]
    return next((p for name, p in PEAK_FLOPS.items() if device_kind.startswith(f"{name} ")), None)


def step_flops(lowered: jax.stages.Lowered, passes: int, devices: int) -> float | None:
    """FLOPs of a step for each of `devices`, by XLA's own count; None if it has none.

    Counted before compilation: a compiled program for GPUs calls a library for its matrix
    products, and those XLA does not count. XLA counts the body of a loop once, so `passes` of
    gradient accumulation are multiplied in.
    """
    cost = lowered.cost_analysis()
    flops = (cost or {}).get("flops", 0.0)
    return flops * passes / devices if flops > 0 else None


class Throughput:
    """Times of the steps since the last report."""

    def __init__(self, batch_size: int, last_step: int, first_step: int, flops: float | None):
        """Starts the clock before step `first_step` + 1; `flops` is `step_flops`."""
        self._batch_size, self._last_step, self._flops = batch_size, last_step, flops
        self._step, self._began, self._waited = first_step, time.monotonic(), 0.0

    def next_batch(self, batches):
        """`next(batches)`, with the time that it took counted as waiting for data."""
        began = time.monotonic()
        batch = next(batches)
        self._waited += time.monotonic() - began
        return batch

    def restart(self, step: int) -> None:
        """Leaves out what happened since the last report: compiling, validation."""
        self._step, self._began, self._waited = step, time.monotonic(), 0.0

    def report(self, step: int) -> dict[str, float]:
        """Averages over the steps since the last report, which must be complete on the device.

        Returns:
          `step_s` seconds a step, `data_wait_s` of them spent waiting for a batch, `images_per_s`,
          `images_per_s_per_chip`, `left_s` seconds to the end of the run; where known `mfu`, the
          model FLOPs' share of the chips' peak, and `device_memory_peak_gib` of this process's
          first device.
        """
        steps = max(step - self._step, 1)
        step_s = (time.monotonic() - self._began) / steps
        values = {
            "step_s": step_s,
            "data_wait_s": self._waited / steps,
            "images_per_s": self._batch_size / step_s,
            "images_per_s_per_chip": self._batch_size / step_s / jax.device_count(),
            "left_s": step_s * (self._last_step - step),
        }
        device = jax.local_devices()[0]
        peak = peak_flops(device.device_kind)
        if self._flops and peak:
            values["mfu"] = self._flops / step_s / peak
        memory = device.memory_stats() or {}
        if "peak_bytes_in_use" in memory:
            values["device_memory_peak_gib"] = memory["peak_bytes_in_use"] / 2**30
        self.restart(step)
        return values
