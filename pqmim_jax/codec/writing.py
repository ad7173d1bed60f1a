"""From the latents of a picture to the bytes of a file."""

from dataclasses import dataclass, field, replace

import numpy as np

from pqmim_jax.codec.entropy_coding import run_stages
from pqmim_jax.codec.order import Chunk, CodingOrder
from pqmim_jax.codec.program_set import ProgramSet
from pqmim_jax.codec.quantization import choose, squared_distances
from pqmim_jax.codec.reading import checksum_of
from pqmim_jax.codec.stream import SymbolWriter
from pqmim_jax.coding import Attachment, Header, pack
from pqmim_jax.masking import UNKNOWN


@dataclass(frozen=True)
class PreparedImage:
    """A picture ready to be compressed, perhaps several times."""

    colour: np.ndarray  # (H, W, 3) uint8
    grey: bool  # its three channels are one
    attachments: dict[int, bytes]  # by kind
    # By shrink, once known: the picture of that size and its latents.
    reduced: dict[int, tuple[np.ndarray, np.ndarray]] = field(default_factory=dict)


def write(
    programs: ProgramSet,
    order: CodingOrder,
    header: Header,
    latents: np.ndarray,
    codebooks: np.ndarray,
    rate_weights: np.ndarray,
    attachments: dict[int, bytes],
) -> tuple[bytes, np.ndarray, np.ndarray, np.ndarray]:
    """Chooses codewords and codes them.

    Args:
      header: without checks and attachments.
      latents: (h, w, M, d) float32.
      codebooks: (M, K, d) float32.
      rate_weights: lambda of the choice, (M,).
      attachments: by kind.

    Returns:
      the file, the indices chosen (h, w, M) int32 (-1 where none is sent), the ideal bits of each
      of them (h, w, M) float32 (0 where none is sent), and of each stage (S,) float64.
    """
    writer = SymbolWriter()
    stages = header.stages or order.stage_count
    bits = np.zeros(stages)
    index_bits = np.zeros((*order.grid.tokens, order.num_codebooks), np.float32)

    def source(tables: np.ndarray, chunk: Chunk) -> np.ndarray:
        wanted = latents[chunk.rows, chunk.columns, chunk.m]
        distances = squared_distances(wanted, codebooks[chunk.m])
        symbols = choose(distances, tables, rate_weights[chunk.m])
        lengths = writer.write(tables, symbols)
        bits[chunk.stage] += lengths.sum()
        index_bits[chunk.rows, chunk.columns, chunk.m] = lengths
        return symbols

    known = order.grid.padded_unknown(order.num_codebooks, UNKNOWN)
    run_stages(programs, order, known, range(stages), source)
    indices = order.grid.without_padding(known)
    listed = tuple(Attachment(kind, len(attachments[kind])) for kind in sorted(attachments))
    period = writer.check_period()
    header = replace(header, check_period=period, attachments=listed)
    payload = writer.coder(period).finish(checksum_of(header, order, indices))
    data = pack(header, payload, [attachments[each.kind] for each in listed])
    return data, indices, index_bits, bits
