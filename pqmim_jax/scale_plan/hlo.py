"""Reading the text of an optimised HLO module: instructions, and how often each one runs."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

_COMPUTATION = re.compile(r"(ENTRY )?%?([\w.-]+) .*\{$")
_INSTRUCTION = re.compile(r"\s+(?:ROOT )?%?[\w.-]+ = (.*?) ([a-z][a-z0-9-]*)\(")
_CALLED = re.compile(r"(?:calls|to_apply|body|condition)=%?([\w.-]+)")
_BRANCHES = re.compile(r"branch_computations=\{([^}]*)\}")
_TRIPS = re.compile(r'"known_trip_count":\{"n":"(\d+)"')
_ARRAY = re.compile(r"\b([a-z]+)(\d*)(?:e\w+)?\[([\d,]*)\]")


@dataclass(frozen=True)
class Instruction:
    """One line of a module."""

    type: str  # "f32[8,16]{1,0}", or a tuple of such in parentheses
    opcode: str
    text: str  # the whole line
    computation: str  # that it is in
    runs: int  # how often a run of the module executes it


def instructions(text: str, opcodes: frozenset[str], trips: int = 1) -> Iterator[Instruction]:
    """The instructions of a module that have one of `opcodes`, in the order of the text.

    The body of a loop runs as often as the text says, or `trips` times where it does not.
    """
    entry, lines, calls = _scan(text, trips)
    runs = _runs(entry, calls)
    for computation, line in lines:
        found = _INSTRUCTION.match(line)
        if found and found[2] in opcodes:
            yield Instruction(found[1], found[2], line, computation, runs.get(computation, 0))


def array_bytes(type_text: str) -> int:
    """Bytes of all arrays in a type, tuples included: "(bf16[2,3]{1,0}, s32[])" has 16."""
    return sum(_array_bytes(*found) for found in _ARRAY.findall(type_text))


def elements(type_text: str) -> list[str]:
    """Types of the elements of a tuple type; a type that is no tuple is its only element."""
    if not type_text.startswith("("):
        return [type_text]
    parts, depth, start = [], 0, 1
    for position, letter in enumerate(type_text):
        depth += (letter in "({[") - (letter in ")}]")
        if (letter == "," and depth == 1) or (letter == ")" and depth == 0):
            parts.append(type_text[start:position].strip())
            start = position + 1
    return parts


def _array_bytes(kind: str, bits: str, shape: str) -> int:
    count = 1
    for size in filter(None, shape.split(",")):
        count *= int(size)
    return -(-count * (int(bits) if bits else 8 if kind == "pred" else 0) // 8)


def _scan(text: str, trips: int) -> tuple[str, list[tuple[str, str]], dict[str, list]]:
    """Entry computation, (computation, line) pairs, and calls: caller -> (callee, times)."""
    entry, computation, lines, calls = "", "", [], {}
    for line in text.splitlines():
        if line[:1] not in (" ", "}", "") and (found := _COMPUTATION.match(line)):
            computation = found[2]
            entry = computation if found[1] else entry
        elif line.startswith(" "):
            lines.append((computation, line))
            calls.setdefault(computation, []).extend(_called(line, trips))
    return entry, lines, calls


def _called(line: str, trips: int) -> Iterator[tuple[str, int]]:
    times = 1
    if " while(" in line:
        known = _TRIPS.search(line)
        times = int(known[1]) if known else trips
    for name in _CALLED.findall(line):
        yield name, times
    for branches in _BRANCHES.findall(line):
        for name in branches.split(","):
            yield name.strip().lstrip("%"), 1


def _runs(entry: str, calls: dict[str, list[tuple[str, int]]]) -> dict[str, int]:
    """How often each computation runs when `entry` runs once; HLO has no recursion."""
    runs: dict[str, int] = {}

    def visit(computation: str, times: int) -> None:
        runs[computation] = runs.get(computation, 0) + times
        for callee, count in calls.get(computation, ()):
            visit(callee, times * count)

    visit(entry, 1)
    return runs
