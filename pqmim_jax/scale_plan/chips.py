"""TPU chips and slices: what they have.

Figures per chip from the "System architecture" pages of Google Cloud TPU
(https://cloud.google.com/tpu/docs/v4, v5e, v5p, v6e; read in 2026-11), peaks from
`pqmim_jax.training.throughput`. The pages give the interconnect's bandwidth in both directions
together: half of it is what a chip can send. That of v4 is from Jouppi et al. 2023
(arXiv 2304.01433): 6 links of 50 GB/s.
"""

import math
import re
from dataclasses import dataclass

from pqmim_jax.scale_plan.errors import PlanError
from pqmim_jax.training.throughput import peak_flops

EXAMPLES = "v5e:4x4, v5e:16x16, v6e:16x16, v4:2x2x4, v5p:4x4x4"


@dataclass(frozen=True)
class Chip:
    """One kind of chip."""

    name: str  # in topology names
    hbm_bytes: float
    hbm_bandwidth: float  # bytes/s
    ici_bandwidth: float  # bytes/s that a chip can send over all of its links together
    dimensions: int  # of the torus; a chip has two links in each
    wraps_at: int  # a ring closes where a dimension is a multiple of this

    @property
    def peak(self) -> float:
        """Dense bfloat16 FLOP/s."""
        return peak_flops(f"TPU {self.name}")


CHIPS = {
    chip.name: chip
    for chip in (
        Chip("v4", 32 * 2**30, 1200e9, 300e9, dimensions=3, wraps_at=4),
        Chip("v5e", 16 * 2**30, 819e9, 200e9, dimensions=2, wraps_at=16),
        Chip("v5p", 95 * 2**30, 2765e9, 600e9, dimensions=3, wraps_at=4),
        Chip("v6e", 32 * 2**30, 1600e9, 400e9, dimensions=2, wraps_at=16),
    )
}


@dataclass(frozen=True)
class Slice:
    """Chips in a mesh or torus."""

    chip: Chip
    shape: tuple[int, ...]

    @property
    def name(self) -> str:
        """The topology name: "v5e:4x4"."""
        return f"{self.chip.name}:{'x'.join(map(str, self.shape))}"

    @property
    def chips(self) -> int:
        """How many."""
        return math.prod(self.shape)

    @property
    def send_bandwidth(self) -> float:
        """Bytes/s that each chip can send while all of them reduce or gather over the slice.

        A dimension that closes to a ring serves both directions; an open line carries a ring
        there and back, which is one; a dimension of size 1 has no link. Torus rules as in "How to
        Scale Your Model" (Austin et al. 2025, jax-ml.github.io/scaling-book/tpus).
        """
        ways = sum(self._ways(size) for size in self.shape)
        return self.chip.ici_bandwidth * ways / (2 * self.chip.dimensions)

    def _ways(self, size: int) -> int:
        if size == 1:
            return 0
        wraps = size % self.chip.wraps_at == 0
        if self.chip.dimensions == 3:  # optical switches close whole cubes only
            wraps = all(other % self.chip.wraps_at == 0 for other in self.shape)
        return 2 if wraps else 1


def parse_topology(name: str) -> Slice:
    """The slice of a topology name such as "v5e:4x4".

    Raises:
      PlanError: no such chip, or a shape that it cannot have.
    """
    found = re.fullmatch(r"(\w+):([1-9]\d*(?:x[1-9]\d*)*)", name)
    if not found or found[1] not in CHIPS:
        chips = ", ".join(CHIPS)
        raise PlanError(f"unknown topology {name!r}; chips: {chips}; examples: {EXAMPLES}")
    chip, shape = CHIPS[found[1]], tuple(map(int, found[2].split("x")))
    if len(shape) != chip.dimensions:
        raise PlanError(
            f"topology {name!r}: a {chip.name} slice has {chip.dimensions} dimensions; "
            f"examples: {EXAMPLES}"
        )
    return Slice(chip, shape)
