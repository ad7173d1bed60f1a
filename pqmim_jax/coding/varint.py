"""Unsigned LEB128 numbers of up to 32 bits, in their shortest form only."""

from pqmim_jax.coding.errors import CorruptFileError, TruncatedFileError

_MAX_BYTES = 5


def write_varint(value: int) -> bytes:
    """Encode a number in [0, 2**32): 7 bits a byte, low bits first, high bit = "more follows"."""
    if not 0 <= value < 1 << 32:
        raise ValueError(f"a varint must be in [0, 2**32), got {value}")
    encoded = bytearray()
    while value >= 0x80:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


def read_varint(data: bytes, position: int) -> tuple[int, int]:
    """Decode the number at data[position:].

    Returns:
        The number in [0, 2**32), and the position after it.

    Raises:
        TruncatedFileError: the data ends inside the number.
        CorruptFileError: the number takes more than 32 bits, or more bytes than it needs.
    """
    value = 0
    for count in range(_MAX_BYTES):
        if position + count >= len(data):
            raise TruncatedFileError(f"the file ends inside a number, after {len(data)} bytes")
        byte = data[position + count]
        value |= (byte & 0x7F) << 7 * count
        if byte < 0x80:
            if value >= 1 << 32:
                break
            if count and not byte:
                raise CorruptFileError(f"the number at byte {position} is not in shortest form")
            return value, position + count + 1
    raise CorruptFileError(f"the number at byte {position} takes more than 32 bits")
