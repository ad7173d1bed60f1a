"""From the bytes of a file to its indices, and what is wrong with it, if anything."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from pqmim_jax import masking
from pqmim_jax.codec.entropy_coding import run_stages
from pqmim_jax.codec.fill import Fill
from pqmim_jax.codec.order import Chunk, CodingOrder
from pqmim_jax.codec.program_set import Model, ProgramSet
from pqmim_jax.codec.stream import DamagedChunkError, SymbolReader, code_lengths
from pqmim_jax.coding import (
    PRECISION,
    VERSION,
    CorruptFileError,
    Header,
    PqmError,
    RansDecoder,
    RansPayload,
    TooLargeError,
    TruncatedFileError,
    WrongModelError,
    index_checksum,
    read_attachments,
    where_to_find,
)
from pqmim_jax.masking import UNKNOWN

NOT_SENT = 65535  # what the checksum takes for indices that a hybrid file does not hold


@dataclass(frozen=True)
class Content:
    """What a file holds."""

    indices: np.ndarray  # (h, w, M) int32, -1 from the quality on; filled in where missing
    stage_bits: np.ndarray  # (S,) float64: ideal code length of what was read of each stage
    stage_ends: np.ndarray  # (S,) int64: bytes of the payload read by the end of each stage
    attachments: dict[int, bytes]
    fill: Fill  # what stands for the rest
    damage: str | None  # one line on what is missing


def check_header(header: Header, model: Model, max_pixels: int) -> None:
    """Refuses files that the model cannot decode, before anything is allocated.

    A file that names another decoder is none of them: its indices are the same.

    Args:
      model: that the file is to be decoded with.
      max_pixels: largest picture allowed.

    Raises:
      PqmError: with one line.
    """
    if header.fingerprint != model.fingerprint:
        raise WrongModelError(
            f"file was made with another model (fingerprint {header.fingerprint:08x}, "
            f"model {model.name!r} has {model.fingerprint:08x})"
            + where_to_find(VERSION, header.fingerprint, header.decoder)
        )
    if header.width * header.height > max_pixels:
        raise TooLargeError(
            f"file claims {header.width} x {header.height} pixels, more than the {max_pixels} "
            "that are allowed"
        )
    qualities = model.config["autoencoder"]["num_codebooks"]
    if header.quality > qualities:
        raise CorruptFileError(f"header claims quality {header.quality}, the model has {qualities}")
    if header.schedule is not None:
        try:
            masking.canonical(header.schedule)
        except ValueError as error:
            raise CorruptFileError(f"header names an unusable schedule: {error}") from error


def check_length(header: Header, order: CodingOrder, num_codewords: int, size: int) -> None:
    """Refuses a payload that is too short for the picture that the header claims.

    No symbol is cheaper than its whole probability less 1/65536 for each other codeword, so the
    size of the picture is bounded by that of the file.

    Args:
      size: bytes of the payload, coder states and attachments included.

    Raises:
      TruncatedFileError: it is.
    """
    cheapest = -math.log2(1 - (num_codewords - 1) / 2**PRECISION)
    if order.symbol_count(header.stages) * cheapest > 8 * size:
        raise TruncatedFileError(
            f"{size} bytes are too few for {header.width} x {header.height} pixels"
        )


def read_content(
    programs: ProgramSet,
    order: CodingOrder,
    header: Header,
    payload: RansPayload,
    make_fill: Callable[[], Fill],
    *,
    tolerant: bool,
) -> Content:
    """Indices and attachments of a file.

    Args:
      make_fill: for the stages that a hybrid file leaves out.
      tolerant: what is missing of a truncated file, or after located damage, is filled in as
        well; otherwise such a file is an error.

    Raises:
      PqmError: the file is damaged, or truncated.
    """
    try:
        return _Reading(programs, order, header, payload, make_fill(), tolerant).content()
    except DamagedChunkError as error:
        if not tolerant:
            raise
        # What came after the last check that held is not to be believed: once more, up to there.
        again = _Reading(programs, order, header, payload, make_fill(), tolerant, error.trusted)
        return replace(again.content(), damage=str(error))


class _Reading:
    """One pass through a file."""

    def __init__(self, programs, order, header, payload, fill, tolerant, limit=None):
        self._programs, self._order, self._header = programs, order, header
        self._fill, self._tolerant, self._payload = fill, tolerant, payload
        self._stages = min(header.stages or order.stage_count, order.stage_count)
        self._reader = self._open(limit)
        self._bits = np.zeros(order.stage_count)
        self._ends = np.zeros(order.stage_count, np.int64)

    def content(self) -> Content:
        grid = self._order.grid
        known = grid.padded_unknown(self._order.num_codebooks, UNKNOWN)
        run = partial(run_stages, self._programs, self._order, known)
        run(range(self._stages), self._read_chunk)
        attachments, damage = self._finish(grid.without_padding(known))
        # Only now: filling takes long, and a damaged header may claim a huge picture.
        run(range(self._stages, self._order.stage_count), self._fill.symbols)
        indices = grid.without_padding(known)
        ends = np.maximum.accumulate(self._ends)  # a stage without tokens ends where it begins
        return Content(indices, self._bits, ends, attachments, self._fill, damage)

    def _open(self, limit: int | None) -> SymbolReader | None:
        payload = self._payload
        try:
            decoder = RansDecoder(payload.data, payload.lanes, payload.state_bytes)
        except TruncatedFileError:
            if not self._tolerant:
                raise
            return None
        return SymbolReader(decoder, self._header.check_period, limit)

    def _read_chunk(self, tables: np.ndarray, chunk: Chunk) -> np.ndarray:
        if self._reader is None:
            return self._fill.symbols(tables, chunk)
        read = self._reader.read_available if self._tolerant else self._reader.read
        symbols = read(tables)
        count = len(symbols)
        if count:
            self._bits[chunk.stage] += code_lengths(tables[:count], symbols).sum()
            self._ends[chunk.stage] = self._reader.bytes_read
        if count == len(tables):
            return symbols
        return np.concatenate([symbols, self._fill.symbols(tables[count:], chunk.after(count))])

    def _finish(self, indices: np.ndarray) -> tuple[dict[int, bytes], str | None]:
        """Attachments, and what is missing; raises if the checksum is wrong."""
        if self._reader is None or self._reader.cut:
            there = self._bits.sum() / 8
            return {}, f"the file is cut short: {there:.0f} bytes of its indices are there"
        rest = self._payload.data[self._reader.bytes_read :]
        if self._reader.finish(len(rest)) != checksum_of(self._header, self._order, indices):
            raise CorruptFileError("damaged file: the checksum over the decoded indices is wrong")
        try:
            return read_attachments(self._header, rest), None
        except PqmError as error:
            if not self._tolerant:
                raise
            return {}, str(error)


def checksum_of(header: Header, order: CodingOrder, indices: np.ndarray) -> int:
    """What `index_checksum` gives for indices (h, w, M), those that the file holds."""
    sent = indices[..., : order.quality].astype(np.uint16)
    if header.stages is not None:
        sent[order.stage_of_indices() >= header.stages] = NOT_SENT
    return index_checksum(header, sent)
