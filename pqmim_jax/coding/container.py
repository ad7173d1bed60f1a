"""The `.pqm` container: a header of 15 bytes for a photo, the coded payload, attachments.

`FORMAT.md` beside this file is the specification; `header` says what a file says about itself.
"""

import zlib
from collections.abc import Sequence

import numpy as np

from pqmim_jax.coding.errors import (
    CorruptFileError,
    NotPqmFileError,
    TruncatedFileError,
    UnsupportedVersionError,
)
from pqmim_jax.coding.header import Header, read_fields, write_fields
from pqmim_jax.coding.payload import LANE_COUNTS, RansPayload
from pqmim_jax.coding.released import released_model

MAGIC = b"PQM"

VERSION = 3
"""Format version, from 0 to 7."""

CRC_BYTES = 4
"""After each attachment: the CRC-32 of its bytes."""

_FIELDS_AT = len(MAGIC) + 1
_OLD_FINGERPRINT_BYTES = 2  # in files of version 2


def pack(header: Header, payload: RansPayload, attachments: Sequence[bytes] = ()) -> bytes:
    """Bytes of the whole file.

    Args:
        header: names the kinds and lengths of the attachments.
        payload: of the coder.
        attachments: in the header's order.

    Raises:
        ValueError: the attachments are not those that the header names.
    """
    if [len(data) for data in attachments] != [each.length for each in header.attachments]:
        raise ValueError("the attachments are not those that the header names")
    log4_lanes = LANE_COUNTS.index(payload.lanes)
    flags = VERSION << 5 | (payload.state_bytes - 5) << 3 | log4_lanes
    sealed = [data + _crc(data) for data in attachments]
    return b"".join([MAGIC, bytes([flags]), write_fields(header), payload.data, *sealed])


def unpack(data: bytes) -> tuple[Header, RansPayload]:
    """Split a file into its header and what follows, which may be cut short.

    The payload's data runs to the end of the file, attachments included: only the coder knows
    where its own bytes end (`RansDecoder.finish`).

    Raises:
        NotPqmFileError: the data does not begin with the magic bytes.
        UnsupportedVersionError: a format version other than VERSION, an unknown extension, or an
            unknown kind of attachment below FIRST_ANCILLARY.
        TruncatedFileError: the data is empty or ends inside the header.
        CorruptFileError: a header that no writer produces.
    """
    data = bytes(data)
    if data[: len(MAGIC)] != MAGIC[: len(data)]:
        raise NotPqmFileError(f"not a .pqm file: it does not begin with {MAGIC!r}")
    if len(data) <= len(MAGIC):
        raise TruncatedFileError(f"the file ends inside the header, after {len(data)} bytes")
    flags = data[len(MAGIC)]
    _check_version(flags >> 5, data)
    header, position = read_fields(data, _FIELDS_AT)
    payload = RansPayload(data[position:], LANE_COUNTS[flags & 7], (flags >> 3 & 3) + 5)
    return header, payload


def read_attachments(header: Header, data: bytes) -> dict[int, bytes]:
    """Attachments of known kinds, by kind; the others are checked and left out.

    Args:
        header: of the file.
        data: what follows the payload.

    Raises:
        TruncatedFileError: the data ends inside an attachment.
        CorruptFileError: an attachment does not match its checksum, or bytes are left over.
    """
    found, position = {}, 0
    for each in header.attachments:
        end = position + each.length
        if end + CRC_BYTES > len(data):
            raise TruncatedFileError(f"the file ends inside its {each.name}")
        content = data[position:end]
        if data[end : end + CRC_BYTES] != _crc(content):
            raise CorruptFileError(f"damaged file: the checksum over its {each.name} is wrong")
        if each.known:
            found[each.kind] = content
        position = end + CRC_BYTES
    if position != len(data):
        raise CorruptFileError(f"{len(data) - position} bytes are left at the end of the file")
    return found


def index_checksum(header: Header, indices: np.ndarray) -> int:
    """CRC-32 over the header's fields and the decoded indices.

    Args:
        header: its bytes in the file from the fingerprint on (offset 4) enter the checksum.
        indices: uint16[h, w, M'], taken as little-endian bytes in C order; 65535 where a hybrid
            file holds no index.

    Returns:
        The checksum, in [0, 2**32).

    Raises:
        ValueError: the indices are not uint16.
    """
    indices = np.asarray(indices)
    if indices.dtype != np.uint16:
        raise ValueError(f"indices must be uint16, got {indices.dtype}")
    return zlib.crc32(indices.astype("<u2").tobytes(), zlib.crc32(write_fields(header)))


def _check_version(version: int, data: bytes) -> None:
    if version > VERSION:
        raise UnsupportedVersionError(
            f"format version {version} is newer than this reader, which reads version {VERSION}"
        )
    if version < VERSION:
        fingerprint = data[_FIELDS_AT : _FIELDS_AT + _OLD_FINGERPRINT_BYTES]
        model = released_model(version, int.from_bytes(fingerprint, "little"))
        name = f" (of model {model.name!r})" if model else ""
        raise UnsupportedVersionError(
            f"format version {version} is not supported: the file was written by pqmim_jax 0.1.0 "
            f"with its floating-point entropy model{name}. This version reads version {VERSION} "
            "only; pqmim-jax 0.1.0 decodes the file"
        )


def _crc(data: bytes) -> bytes:
    return zlib.crc32(data).to_bytes(CRC_BYTES, "little")
