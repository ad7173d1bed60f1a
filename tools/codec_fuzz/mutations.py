"""Ways to damage a `.pqm` file. Each is a function of a random generator and whole files."""

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np

from pqmim_jax.coding.varint import read_varint, write_varint

_SIZES_AT = 10  # width - 1, height - 1 and mode follow as varints
_HEADER_END = 28  # about
_EXTREMES = (0, 1, 7, 255, 1000, 2**14, 2**16 - 1, 2**20, 2**28, 2**31 - 1, 2**32 - 1)

# (random generator, file, another valid file) -> damaged file
Mutation = Callable[[np.random.Generator, bytes, bytes], bytes]


def bit_flips(rng, data, other):
    del other
    damaged = bytearray(data)
    for _ in range(rng.integers(1, 9)):
        damaged[rng.integers(len(data))] ^= 1 << rng.integers(8)
    return bytes(damaged)


def bytes_overwritten(rng, data, other):
    del other
    start, end = _span(rng, len(data))
    return data[:start] + rng.bytes(end - start) + data[end:]


def truncated(rng, data, other):
    """A pure prefix."""
    del other
    return data[: rng.integers(len(data))]


def spliced(rng, data, other):
    return data[: rng.integers(len(data) + 1)] + other[rng.integers(len(other) + 1) :]


def span_from_another_file(rng, data, other):
    start, end = _span(rng, len(data))
    first, last = _span(rng, len(other))
    return data[:start] + other[first:last] + data[end:]


def span_removed(rng, data, other):
    del other
    start, end = _span(rng, len(data))
    return data[:start] + data[end:]


def span_repeated(rng, data, other):
    del other
    start, end = _span(rng, len(data))
    return data[:end] + data[start:end] * int(rng.integers(1, 5)) + data[end:]


def spans_swapped(rng, data, other):
    del other
    cuts = [0, *sorted(rng.integers(len(data) + 1, size=3)), len(data)]
    parts = [data[start:end] for start, end in pairwise(cuts)]
    return parts[0] + parts[2] + parts[1] + parts[3]


def bytes_appended(rng, data, other):
    count = int(rng.integers(1, 65))
    return data + [bytes(count), rng.bytes(count), data, other][rng.integers(4)]


def random_after_header(rng, data, other):
    del other
    keep = int(rng.integers(3, min(_HEADER_END, len(data)) + 1))
    return data[:keep] + rng.bytes(int(rng.integers(200)))


def random_bytes(rng, data, other):
    del data, other
    return rng.bytes(int(rng.integers(300)))


def header_number(rng, data, other):
    """Width, height or mode (quality and flags) made extreme, or a little different."""
    del other
    position = _SIZES_AT
    for _ in range(rng.integers(3)):
        position = read_varint(data, position)[1]
    value, end = read_varint(data, position)
    near = np.clip(value + rng.integers(-2, 3), 0, 2**32 - 1)
    new = rng.choice([near, value << 1, value >> 1, rng.integers(2**32), rng.choice(_EXTREMES)])
    return data[:position] + write_varint(int(new) % 2**32) + data[end:]


def header_byte(rng, data, other):
    del other
    damaged = bytearray(data)
    damaged[rng.integers(min(_HEADER_END, len(data)))] = rng.integers(256)
    return bytes(damaged)


def header_bytes_inserted(rng, data, other):
    """Numbers that go on for ever, or in other than their shortest form."""
    del other
    position = rng.integers(_SIZES_AT, min(_HEADER_END, len(data)) + 1)
    inserted = [b"\x80", b"\xff", b"\x80\x00", rng.bytes(1)][rng.integers(4)]
    return data[:position] + inserted * int(rng.integers(1, 9)) + data[position:]


def two_of_these(rng, data, other):
    once = _ONCE[rng.integers(len(_ONCE))](rng, data, other)
    # What is left may be too short, or no header any more.
    again = (bit_flips, truncated, bytes_overwritten, spliced)[rng.integers(4)]
    return again(rng, once or b"P", other)


_ONCE: Sequence[Mutation] = (
    bit_flips,
    bytes_overwritten,
    truncated,
    spliced,
    span_from_another_file,
    span_removed,
    span_repeated,
    spans_swapped,
    bytes_appended,
    random_after_header,
    random_bytes,
    header_number,
    header_byte,
    header_bytes_inserted,
)

MUTATIONS: dict[str, Mutation] = {each.__name__: each for each in (*_ONCE, two_of_these)}
"""All kinds, by name."""


def draw(seed: int, number: int, files: Sequence[bytes]) -> tuple[str, tuple[int, int], bytes]:
    """Mutation `number` of the series `seed`, of some of the valid `files`.

    Returns:
      its kind, which two files it was made of, and the damaged file.
    """
    rng = np.random.default_rng([seed, number])
    kind = list(MUTATIONS)[rng.integers(len(MUTATIONS))]
    one, two = (int(i) for i in rng.integers(len(files), size=2))
    return kind, (one, two), MUTATIONS[kind](rng, files[one], files[two])


def _span(rng, length: int) -> tuple[int, int]:
    """A random, seldom long span of a file."""
    start = int(rng.integers(length))
    longest = int(rng.choice([1, 4, 16, length]))
    return start, min(length, start + int(rng.integers(1, longest + 1)))
