"""The collectives of a compiled program: what the chips send each other in a step."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from math import prod

from pqmim_jax.scale_plan import hlo

KINDS = ("all-reduce", "all-gather", "reduce-scatter", "all-to-all", "collective-permute")
_OPCODES = frozenset(KINDS) | {f"{kind}-start" for kind in KINDS}
_GROUPS = re.compile(
    r"replica_groups=(?:\{\{(?P<listed>[\d,]*)\}|\[\d+,(?P<iota>\d+)\]<="
    r"|mesh\[(?P<mesh>[^\]]*)\](?:, device_ids=\([^{]*\))? \{(?P<axes>[^}]*)\})"
)
_CHANNEL = re.compile(r"channel_id=(\d+)")
_PARTITIONS = re.compile(r"num_partitions=(\d+)")


@dataclass(frozen=True)
class Collective:
    """One collective instruction."""

    kind: str
    bytes: int  # of the whole array on a chip: what is reduced, or what has been gathered
    group: int  # chips that take part together
    runs: int  # a step

    @property
    def sent(self) -> float:
        """Bytes that a chip sends in one run by the best ring algorithm."""
        share = (self.group - 1) / self.group
        factors = {"all-reduce": 2 * share, "collective-permute": 1.0}
        return self.bytes * factors.get(self.kind, share)


def bytes_sent(collectives: Iterable[Collective]) -> float:
    """What a chip sends in a step."""
    return sum(each.sent * each.runs for each in collectives)


def parse_collectives(text: str, passes: int = 1) -> list[Collective]:
    """All collectives in the text of an optimised HLO module (`compiled.as_text()`).

    The asynchronous forms count once: a `-start` and a `-done`, and on TPUs a chain of fusions each
    of which does a part of the transfer beside other work and names the whole of it. Those of a
    group of one chip do nothing and are left out. An all-reduce that is fused with the slicing of
    its result, which TPUs run as a reduce-scatter, counts as that.

    Args:
      passes: trip count of loops for which the text has none: those of gradient accumulation.
    """
    partitions = _PARTITIONS.search(text)
    everyone = int(partitions[1]) if partitions else 1
    found, chains = [], set()
    for instruction in hlo.instructions(text, _OPCODES, passes):
        chain = _chain(instruction.text)
        if chain is None or chain not in chains:
            found.append(_collective(instruction, everyone))
            chains.add(chain)
    return [each for each in found if each.group > 1 and each.runs]


def _chain(line: str) -> str | None:
    channel = _CHANNEL.search(line)
    return channel[1] if channel and "chain_id=" in line else None


def _collective(instruction: hlo.Instruction, everyone: int) -> Collective:
    kind = instruction.opcode.removesuffix("-start")
    result = instruction.type
    if instruction.opcode.endswith("-start") and kind != "all-reduce":
        result = hlo.elements(result)[1]  # after the operands
    group = _group_size(instruction.text, everyone)
    size = hlo.array_bytes(result)
    if kind == "reduce-scatter":
        size *= group
    elif kind == "all-reduce" and instruction.computation.startswith("all-reduce-scatter"):
        kind = "reduce-scatter"
    return Collective(kind, size, group, instruction.runs)


def _group_size(line: str, everyone: int) -> int:
    found = _GROUPS.search(line)
    if not found:
        return everyone
    if found["listed"] is not None:
        return found["listed"].count(",") + 1
    if found["iota"] is not None:
        return int(found["iota"])
    sizes = dict(re.findall(r"'([^']+)'=(\d+)", found["mesh"]))
    axes = re.findall(r"'([^']+)'(?::\(\d+\)(\d+))?", found["axes"])
    return prod(int(part or sizes[axis]) for axis, part in axes)
