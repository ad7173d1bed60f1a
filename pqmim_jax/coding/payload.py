"""Coded symbols as bytes with their lane layout, and how many lanes a payload can afford."""

from dataclasses import dataclass

from pqmim_jax.coding.errors import CorruptFileError

LANE_COUNTS = tuple(4**k for k in range(8))
"""Allowed numbers of lanes: 1, 4, 16, 64, 256, 1024, 4096, 16384."""

_LANE_OVERHEAD = 500
"""Extra lanes may cost 1/500 = 0.2% of the payload."""


@dataclass(frozen=True)
class RansPayload:
    """Coded symbols, and what a decoder must know to begin.

    Attributes:
        data: the lanes' final states, then the words in reading order, all little-endian.
        lanes: number of lanes, one of LANE_COUNTS.
        state_bytes: bytes of each state in `data`: 5 to 8 for one lane, else 8.

    Raises:
        CorruptFileError: `lanes` and `state_bytes` do not go together.
    """

    data: bytes
    lanes: int
    state_bytes: int

    def __post_init__(self):
        """Check that a file can say so."""
        if self.lanes not in LANE_COUNTS:
            raise CorruptFileError(f"lanes must be one of {LANE_COUNTS}, got {self.lanes}")
        smallest = 5 if self.lanes == 1 else 8
        if not smallest <= self.state_bytes <= 8:
            raise CorruptFileError(
                f"each of {self.lanes} states must take {smallest} to 8 bytes, "
                f"got {self.state_bytes}"
            )


def choose_lanes(payload_bits: float, longest_chunk: int | None = None) -> int:
    """Most lanes that cost at most 0.2% of the payload: at worst 64 * lanes - 32 bits.

    Args:
        payload_bits: ideal code length of all symbols, in bits.
        longest_chunk: symbols in the longest chunk, if known: lanes beyond it would stay idle.

    Returns:
        One of LANE_COUNTS; 1 below 14 kB.
    """
    lanes = LANE_COUNTS[0]
    for more in LANE_COUNTS[1:]:
        idle = longest_chunk is not None and lanes >= longest_chunk
        if idle or (64 * more - 32) * _LANE_OVERHEAD > payload_bits:
            break
        lanes = more
    return lanes
