"""Models as StableHLO: `jax.export` artefacts, each for CPU, CUDA and TPU at once.

Every input and output has a leading batch dimension of any size, and programs of the autoencoder
take regions of any shape that lie inside the picture. Any batch gives the same logits: the MIM
computes in exact integers.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import metadata

import jax
import jax.export
import numpy as np

from pqmim_jax.codec.networks import Networks
from pqmim_jax.export.programs import (
    ExportedProgram,
    context_program,
    describe,
    head_program,
    region_programs,
)
from pqmim_jax.model_store import StoredModel
from pqmim_jax.runtime.shapes import DIMENSIONS

PLATFORMS = ("cpu", "cuda", "tpu")
BATCH = "batch"  # name of the leading dimension
COMPATIBILITY = (
    "jax.export promises that an artefact runs with releases of JAX up to 6 months newer than the "
    "one that wrote it, and 3 weeks older; later JAX refuses it: export again"
)


def stablehlo_export(model: StoredModel) -> tuple[dict, dict[str, bytes]]:
    """Manifest section "programs" and the files of a model, weights inside."""
    networks = Networks(model, inside=True)
    batch, *region = jax.export.symbolic_shape(", ".join((BATCH, *DIMENSIONS)))
    programs = region_programs(networks, tuple(region))
    programs |= context_program(networks) | head_program(networks)
    files = {
        f"{program.name}.stablehlo": _serialised(program, batch)
        for segments in programs.values()
        for program in segments
    }
    return describe(programs, networks, ".stablehlo", (BATCH,)), files


def stablehlo_facts() -> dict:
    """Of what made the files, and what can read them."""
    return {
        "jax": metadata.version("jax"),
        "calling_convention": jax.export.maximum_supported_calling_convention_version,
        "platforms": list(PLATFORMS),
        "compatibility": COMPATIBILITY,
    }


def _serialised(program: ExportedProgram, batch) -> bytes:
    stored = jax.tree.map(_smallest, program.params)

    def function(*batches):
        params = jax.tree.map(_widened, stored, program.params)
        return jax.vmap(lambda *inputs: program.function(params, *inputs))(*batches)

    shapes = [
        jax.ShapeDtypeStruct((batch, *array.shape), array.dtype)
        for array in program.inputs.values()
    ]
    with _no_source_locations():
        exported = jax.export.export(jax.jit(function), platforms=PLATFORMS)(*shapes)
    return bytes(exported.serialize())


@contextmanager
def _no_source_locations() -> Iterator[None]:
    """Lowered operations otherwise name the files of this machine that they come from."""
    name = "jax_traceback_in_locations_limit"
    before = getattr(jax.config, name)
    jax.config.update(name, 0)
    try:
        yield
    finally:
        jax.config.update(name, before)


def _smallest(value: np.ndarray) -> np.ndarray:
    """The same numbers in half precision, where it holds them exactly; integers as they are."""
    if not np.issubdtype(value.dtype, np.floating):
        return value
    with np.errstate(over="ignore"):
        half = value.astype(np.float16)
    return half if np.array_equal(half.astype(value.dtype), value) else value


def _widened(stored: np.ndarray, original: np.ndarray) -> jax.Array:
    # Traced, so that the artefact holds the half-precision numbers; XLA widens them once.
    return jax.lax.convert_element_type(stored, original.dtype)
