"""The `.pqm` container: a header of 11 bytes for a photo, then the coded payload to the end.

`FORMAT.md` beside this file is the specification. Every header has exactly one encoding, and
only that one is accepted.
"""

import zlib
from dataclasses import dataclass

import numpy as np

from pqmim_jax.coding.errors import (
    CorruptFileError,
    NotPqmFileError,
    TruncatedFileError,
    UnsupportedVersionError,
)
from pqmim_jax.coding.payload import LANE_COUNTS, RansPayload
from pqmim_jax.coding.varint import read_varint, write_varint

MAGIC = b"PQM"

VERSION = 1
"""Format version, from 0 to 7."""

_FIXED_BYTES = 6


@dataclass(frozen=True)
class Header:
    """What a file says about itself.

    Attributes:
        width: of the image in pixels, 1 to 2**32.
        height: of the image in pixels, 1 to 2**32.
        quality: 1 to 2**31; what it means is the model's business.
        fingerprint: of the model, 0 to 65535.
        schedule: spec of the schedule, 1 to 255 printable ASCII characters, such as
            `qlds(stages=8,alpha=2.2)`; None is the model's default.

    Raises:
        ValueError: a field out of range.
    """

    width: int
    height: int
    quality: int
    fingerprint: int
    schedule: str | None = None

    def __post_init__(self):
        """Check that every field can be written."""
        for name, low, high in (
            ("width", 1, 1 << 32),
            ("height", 1, 1 << 32),
            ("quality", 1, 1 << 31),
            ("fingerprint", 0, (1 << 16) - 1),
        ):
            value = getattr(self, name)
            if not low <= value <= high:
                raise ValueError(f"{name} must be from {low} to {high}, got {value}")
        if self.schedule is not None and not _is_spec(self.schedule):
            raise ValueError(
                f"a schedule must be 1 to 255 printable ASCII characters, got {self.schedule!r}"
            )


def pack(header: Header, payload: RansPayload) -> bytes:
    """Bytes of the whole file."""
    log4_lanes = LANE_COUNTS.index(payload.lanes)
    flags = VERSION << 5 | (payload.state_bytes - 5) << 3 | log4_lanes
    return MAGIC + bytes([flags]) + _pack_fields(header) + payload.data


def unpack(data: bytes) -> tuple[Header, RansPayload]:
    """Split a file into its header and its payload, which may be cut short.

    Raises:
        NotPqmFileError: the data does not begin with the magic bytes.
        UnsupportedVersionError: a format version other than VERSION.
        TruncatedFileError: the data is empty or ends inside the header.
        CorruptFileError: a header that no writer produces.
    """
    data = bytes(data)
    if data[: len(MAGIC)] != MAGIC[: len(data)]:
        raise NotPqmFileError(f"not a .pqm file: it does not begin with {MAGIC!r}")
    if len(data) <= len(MAGIC):
        raise TruncatedFileError(f"the file ends inside the header, after {len(data)} bytes")
    flags = data[len(MAGIC)]
    if flags >> 5 != VERSION:
        raise UnsupportedVersionError(
            f"format version {flags >> 5} is not supported, only version {VERSION}"
        )
    if len(data) < _FIXED_BYTES:
        raise TruncatedFileError(f"the file ends inside the header, after {len(data)} bytes")
    fingerprint = int.from_bytes(data[4:_FIXED_BYTES], "little")
    width, position = read_varint(data, _FIXED_BYTES)
    height, position = read_varint(data, position)
    mode, position = read_varint(data, position)
    schedule = None
    if mode & 1:
        schedule, position = _read_schedule(data, position)
    header = Header(width + 1, height + 1, (mode >> 1) + 1, fingerprint, schedule)
    payload = RansPayload(data[position:], LANE_COUNTS[flags & 7], (flags >> 3 & 3) + 5)
    return header, payload


def index_checksum(header: Header, indices: np.ndarray) -> int:
    """CRC-32 over the header's fields and the decoded indices.

    Args:
        header: its bytes in the file from the fingerprint on (offset 4) enter the checksum.
        indices: uint16[h, w, M'], taken as little-endian bytes in C order.

    Returns:
        The checksum, in [0, 2**32).

    Raises:
        ValueError: the indices are not uint16.
    """
    indices = np.asarray(indices)
    if indices.dtype != np.uint16:
        raise ValueError(f"indices must be uint16, got {indices.dtype}")
    return zlib.crc32(indices.astype("<u2").tobytes(), zlib.crc32(_pack_fields(header)))


def _pack_fields(header: Header) -> bytes:
    mode = header.quality - 1 << 1 | (header.schedule is not None)
    fields = [
        header.fingerprint.to_bytes(2, "little"),
        write_varint(header.width - 1),
        write_varint(header.height - 1),
        write_varint(mode),
    ]
    if header.schedule is not None:
        fields += [bytes([len(header.schedule)]), header.schedule.encode("ascii")]
    return b"".join(fields)


def _read_schedule(data: bytes, position: int) -> tuple[str, int]:
    length = data[position] if position < len(data) else 0
    end = position + 1 + length
    if end > len(data):
        raise TruncatedFileError("the file ends inside the schedule of the header")
    schedule = data[position + 1 : end].decode("latin-1")
    if not _is_spec(schedule):
        raise CorruptFileError("the schedule in the header is empty or not printable ASCII")
    return schedule, end


def _is_spec(text: str) -> bool:
    return 1 <= len(text) <= 255 and text.isascii() and text.isprintable()
