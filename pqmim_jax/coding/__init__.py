"""Integer probabilities, the rANS coder and the `.pqm` file format: NumPy only, no JAX."""

from pqmim_jax.coding.container import MAGIC, VERSION, Header, index_checksum, pack, unpack
from pqmim_jax.coding.errors import (
    CorruptFileError,
    NotPqmFileError,
    PqmError,
    TruncatedFileError,
    UnsupportedVersionError,
    WrongModelError,
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

__all__ = [
    "LANE_COUNTS",
    "LOGIT_FRACTION_BITS",
    "MAGIC",
    "MAX_ALPHABET",
    "MAX_FIXED_LOGIT",
    "PRECISION",
    "VERSION",
    "CorruptFileError",
    "Header",
    "NotPqmFileError",
    "PqmError",
    "RansDecoder",
    "RansEncoder",
    "RansPayload",
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
    "unpack",
]
