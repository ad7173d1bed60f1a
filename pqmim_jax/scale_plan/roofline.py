"""The least time that a step can take on a chip, by the three things it may wait for."""

from dataclasses import dataclass

from pqmim_jax.scale_plan.chips import Slice


@dataclass(frozen=True)
class Roofline:
    """Seconds that a step would take if it waited for one thing only."""

    compute_s: float
    memory_s: float
    network_s: float
    peak: float  # FLOP/s of a chip
    flops: float  # a chip and step

    @property
    def step_s(self) -> float:
        """The longest of them: the others overlap with it at best."""
        return max(self.compute_s, self.memory_s, self.network_s)

    @property
    def bound(self) -> str:
        """What that is: "compute", "memory" or "network"."""
        times = {
            "compute": self.compute_s,
            "memory": self.memory_s,
            "network": self.network_s,
        }
        return max(times, key=times.get)

    @property
    def mfu(self) -> float:
        """Share of the chip's peak at that step time."""
        return self.flops / self.step_s / self.peak if self.step_s else 0.0


def roofline(flops: float, bytes_accessed: float, sent: float, where: Slice) -> Roofline:
    """Roofline of a step.

    Args:
      flops: of one chip.
      bytes_accessed: by one chip.
      sent: bytes that one chip sends to others.
      where: the slice that it runs on.
    """
    network = sent / where.send_bandwidth if sent else 0.0
    peak = where.chip.peak
    return Roofline(flops / peak, bytes_accessed / where.chip.hbm_bandwidth, network, peak, flops)
