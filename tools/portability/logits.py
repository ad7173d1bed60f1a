"""The logits of a MIM, in JAX and in ONNX Runtime.

Runtimes whose logits agree read each other's files.
"""

from collections.abc import Callable
from pathlib import Path

import jax
import numpy as np

from pqmim_jax.codec import Codec
from pqmim_jax.codec.entropy_coding import run_stages
from pqmim_jax.codec.networks import Networks
from pqmim_jax.codec.program_cache import compiled
from pqmim_jax.codec.program_set import ProgramSet
from pqmim_jax.coding import Header
from pqmim_jax.masking import UNKNOWN
from pqmim_jax.model_store import StoredModel
from pqmim_jax.runtime.model import load_exported
from pqmim_jax.runtime.sessions import Session


class LogitPrograms:
    """A `ProgramSet` for `run_stages` whose head stops at the logits, before the tables."""

    def __init__(self, programs: ProgramSet, head: Callable):
        """`head`: (context, known, m) -> (T, K) int32."""
        self.context, self.map, self.head = programs.context, programs.map, head
        self.threads, self.few_shapes = programs.threads, programs.few_shapes
        self.unknown_context = programs.unknown_context


def jax_head(model: StoredModel) -> Callable:
    """Compiled as the codec compiles its own."""
    network = Networks(model).head_to_fixed_logits()
    params = jax.device_put(network.params)
    shapes = (params, *network.inputs.values())
    program = compiled("head-logits", model.config, lambda: network.function, shapes)
    return lambda *inputs: np.asarray(program(params, *inputs))


def onnx_head(folder: Path) -> Callable:
    """Of an exported folder."""
    model = load_exported(folder)
    session = Session(model.program(model.manifest["programs"]["head"]))
    return lambda *inputs: session(*inputs)[0]


def all_logits(
    codec: Codec, programs: LogitPrograms, indices: np.ndarray, quality: int
) -> list[np.ndarray]:
    """Logits (n, K) int32 of every chunk of every stage of a picture.

    Args:
      indices: (h, w, M) of the picture: each stage is given those of the stages before.
    """
    height, width = (n * codec.pixels_per_token for n in indices.shape[:2])
    model = codec.model
    order = codec.coding_order(Header(width, height, quality, model.fingerprint, model.decoder))
    logits = []

    def source(each, chunk):
        logits.append(each)
        return indices[chunk.rows, chunk.columns, chunk.m]

    known = order.grid.padded_unknown(codec.qualities, UNKNOWN)
    run_stages(programs, order, known, range(order.stage_count), source)
    return logits
