"""What indices cost under a trained MIM and a schedule: the codec's own loop and coder."""

import time
import zlib
from dataclasses import dataclass, replace

import numpy as np

from pqmim_jax.codec.entropy_coding import run_stages
from pqmim_jax.codec.order import Chunk, CodingOrder
from pqmim_jax.codec.programs import Programs
from pqmim_jax.codec.stream import SymbolReader, SymbolWriter
from pqmim_jax.coding import RansDecoder, RansPayload
from pqmim_jax.masking import UNKNOWN
from pqmim_jax.model_store import StoredModel


@dataclass(frozen=True)
class Coded:
    """A picture's indices, coded."""

    stage_bits: np.ndarray  # (S,) float64: ideal code length of each stage
    payload: RansPayload  # checksum inside; no header
    seconds: float


class RoundTripError(RuntimeError):
    """What was decoded is not what was encoded: a bug, or a machine that does not compute alike."""


def encode(programs: Programs, order: CodingOrder, indices: np.ndarray) -> Coded:
    """Codes indices (h, w, M) int32 as `Codec.compress` would."""
    began = time.perf_counter()
    writer = SymbolWriter()
    bits = np.zeros(order.stage_count)

    def source(tables: np.ndarray, chunk: Chunk) -> np.ndarray:
        symbols = indices[chunk.rows, chunk.columns, chunk.m]
        bits[chunk.stage] += writer.write(tables, symbols).sum()
        return symbols

    _run(programs, order, source)
    payload = writer.coder(None).finish(_checksum(indices))
    return Coded(bits, payload, time.perf_counter() - began)


def decode(programs: Programs, order: CodingOrder, payload: RansPayload) -> tuple:
    """(h, w, M) int32 indices of a payload, and the seconds that took.

    Raises:
      RoundTripError: their checksum is not that of the payload.
      PqmError: the payload cannot be decoded.
    """
    began = time.perf_counter()
    reader = SymbolReader(RansDecoder(payload.data, payload.lanes, payload.state_bytes), None)
    indices = _run(programs, order, lambda tables, chunk: reader.read(tables))
    seconds = time.perf_counter() - began
    if reader.finish(0) != _checksum(indices):
        raise RoundTripError(f"schedule {order.schedule}: decoded indices have a wrong checksum")
    return indices, seconds


def with_window(model: StoredModel, window: int) -> StoredModel:
    """The same MIM on smaller windows.

    Its attention knows positions by their offsets: the biases of the smaller ones are kept.

    Raises:
      ValueError: the window is larger than the one it was trained with.
    """
    codec = model.config["codec"]
    cut = codec["window"] - window
    if cut < 0:
        raise ValueError(f"windows of {window} tokens are larger than {codec['window']}")
    if cut == 0:
        return model
    config = {**model.config, "codec": {**codec, "window": window}}
    mim = {name: _smaller_bias(value, cut) for name, value in model.mim.items()}
    return replace(model, config=config, mim=mim)


def _smaller_bias(block, cut: int):
    if not isinstance(block, dict) or "attention" not in block:
        return block
    bias = block["attention"]["position_bias"]
    inner = np.ascontiguousarray(bias[cut : len(bias) - cut, cut : bias.shape[1] - cut])
    return {**block, "attention": {**block["attention"], "position_bias": inner}}


def _run(programs: Programs, order: CodingOrder, source) -> np.ndarray:
    known = order.grid.padded_unknown(order.num_codebooks, UNKNOWN)
    run_stages(programs, order, known, range(order.stage_count), source)
    return order.grid.without_padding(known)


def _checksum(indices: np.ndarray) -> int:
    return zlib.crc32(np.ascontiguousarray(indices, dtype="<u2").tobytes())
