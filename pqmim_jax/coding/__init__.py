"""Integer probabilities, the rANS coder and the `.pqm` file format: NumPy only, no JAX."""

from pqmim_jax.coding.container import (
    CRC_BYTES,
    MAGIC,
    VERSION,
    index_checksum,
    pack,
    read_attachments,
    unpack,
)
from pqmim_jax.coding.errors import (
    CorruptFileError,
    NotPqmFileError,
    PqmError,
    TooLargeError,
    TruncatedFileError,
    UnsupportedVersionError,
    WrongModelError,
)
from pqmim_jax.coding.header import (
    ALPHA,
    EXIF,
    FIRST_ANCILLARY,
    ICC_PROFILE,
    MAX_ATTACHMENTS,
    Attachment,
    Header,
)
from pqmim_jax.coding.payload import LANE_COUNTS, RansPayload, choose_lanes
from pqmim_jax.coding.pmf import (
    LOGIT_FRACTION_BITS,
    MAX_ALPHABET,
    MAX_FIXED_LOGIT,
    PRECISION,
    code_length_bits,
    cumulative,
    exp_table,
    frequencies,
    frequencies_from_counts,
    quantize_logits,
)
from pqmim_jax.coding.rans import RansDecoder, RansEncoder
from pqmim_jax.coding.static_code import static_bits

__all__ = [
    "ALPHA",
    "CRC_BYTES",
    "EXIF",
    "FIRST_ANCILLARY",
    "ICC_PROFILE",
    "LANE_COUNTS",
    "LOGIT_FRACTION_BITS",
    "MAGIC",
    "MAX_ALPHABET",
    "MAX_ATTACHMENTS",
    "MAX_FIXED_LOGIT",
    "PRECISION",
    "VERSION",
    "Attachment",
    "CorruptFileError",
    "Header",
    "NotPqmFileError",
    "PqmError",
    "RansDecoder",
    "RansEncoder",
    "RansPayload",
    "TooLargeError",
    "TruncatedFileError",
    "UnsupportedVersionError",
    "WrongModelError",
    "choose_lanes",
    "code_length_bits",
    "cumulative",
    "exp_table",
    "frequencies",
    "frequencies_from_counts",
    "index_checksum",
    "pack",
    "quantize_logits",
    "read_attachments",
    "static_bits",
    "unpack",
]
