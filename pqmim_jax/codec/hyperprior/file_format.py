"""The container of `.pqh` files: see FORMAT.md."""

import zlib
from dataclasses import dataclass

import numpy as np

from pqmim_jax.coding import (
    LANE_COUNTS,
    CorruptFileError,
    NotPqmFileError,
    RansPayload,
    TruncatedFileError,
    UnsupportedVersionError,
)
from pqmim_jax.coding.varint import read_varint, write_varint

MAGIC = b"PQH"
VERSION = 0
MAX_QUALITY = 256
_FIELDS_AT = len(MAGIC) + 1
_FINGERPRINT_BYTES = 2


@dataclass(frozen=True)
class HyperpriorHeader:
    """What a file says about itself."""

    width: int  # pixels, 1 .. 2**32
    height: int
    quality: int  # 1 .. 256
    fingerprint: int  # of the model, 0 .. 65535

    def fields(self) -> bytes:
        """From the fingerprint on; all of this enters the checksum."""
        numbers = (self.width - 1, self.height - 1, self.quality - 1)
        fingerprint = self.fingerprint.to_bytes(_FINGERPRINT_BYTES, "little")
        return fingerprint + b"".join(map(write_varint, numbers))


def pack(header: HyperpriorHeader, payload: RansPayload) -> bytes:
    """Bytes of the whole file."""
    log4_lanes = LANE_COUNTS.index(payload.lanes)
    flags = VERSION << 5 | (payload.state_bytes - 5) << 3 | log4_lanes
    return MAGIC + bytes([flags]) + header.fields() + payload.data


def unpack(data: bytes) -> tuple[HyperpriorHeader, RansPayload]:
    """Inverse of `pack`.

    Raises:
      PqmError: not such a file, of another version, cut inside the header, or impossible.
    """
    data = bytes(data)
    if data[: len(MAGIC)] != MAGIC[: len(data)]:
        raise NotPqmFileError(f"not a hyperprior file: it does not begin with {MAGIC!r}")
    position = _FIELDS_AT + _FINGERPRINT_BYTES
    if len(data) < position:
        raise TruncatedFileError(f"the file ends inside the header, after {len(data)} bytes")
    flags = data[len(MAGIC)]
    if flags >> 5 != VERSION:
        raise UnsupportedVersionError(
            f"version {flags >> 5} of the hyperprior's format is not supported, only {VERSION}"
        )
    fingerprint = int.from_bytes(data[_FIELDS_AT:position], "little")
    numbers = []
    for _ in range(3):
        value, position = read_varint(data, position)
        numbers.append(value + 1)
    header = HyperpriorHeader(*numbers, fingerprint)
    if header.quality > MAX_QUALITY:
        raise CorruptFileError(f"impossible header: quality {header.quality} > {MAX_QUALITY}")
    payload = RansPayload(data[position:], LANE_COUNTS[flags & 7], (flags >> 3 & 3) + 5)
    return header, payload


def checksum(header: HyperpriorHeader, hyper: np.ndarray, latents: np.ndarray) -> int:
    """CRC-32 over the header and both arrays of int32 symbols."""
    crc = zlib.crc32(header.fields())
    for symbols in (hyper, latents):
        crc = zlib.crc32(symbols.astype("<i4").tobytes(), crc)
    return crc
