"""Models as ONNX programs, which the JAX-free runtime and browsers run."""

from importlib import metadata

import onnx

from pqmim_jax.codec.networks import Networks
from pqmim_jax.export.graph import OPSET
from pqmim_jax.export.jaxpr_to_onnx import to_onnx
from pqmim_jax.export.programs import (
    ExportedProgram,
    any_shape,
    describe,
    mim_programs,
    region_programs,
    sizes,
)
from pqmim_jax.export.symbolic import SHAPES, merged
from pqmim_jax.export.verification import verify
from pqmim_jax.model_store import StoredModel

# Queries of attention at once: what is computed for them then fits a cache better. ONNX Runtime
# takes a sixth less time so, on windows of 400 tokens; XLA, which fuses, takes more.
_QUERIES = 100
_VERIFIED = (9, 6)  # a shape of regions that the programs were not made from


def onnx_export(model: StoredModel, *, verified: bool) -> tuple[dict, dict[str, bytes]]:
    """Manifest section "programs" and the files of a model; `verified`: checked against JAX.

    Raises:
      UnsupportedOperationError: a network uses an operation that has no counterpart; named.
      ExportError: a program does not give in ONNX Runtime what it gives in JAX.
    """
    networks = Networks(model, inside=True, queries=_QUERIES)
    regions, mim = region_programs(networks, any_shape()), mim_programs(networks)
    files = {f"{p.name}.onnx": _bytes(_onnx(p)) for segments in mim.values() for p in segments}
    examples = [region_programs(networks, shape) for shape in SHAPES]
    for role, segments in regions.items():
        for i, program in enumerate(segments):
            models = [_onnx(programs[role][i]) for programs in examples]
            arrays = program.inputs | program.outputs
            shapes = {name: sizes(array) for name, array in arrays.items()}
            files[f"{program.name}.onnx"] = _bytes(merged(models, shapes))
    if verified:
        verify(networks, region_programs(networks, _VERIFIED) | mim, files)
    return describe(regions | mim, networks, ".onnx"), files


def onnx_versions() -> dict:
    """Of what made the files."""
    names = ("jax", "onnx", "onnxruntime")
    return {"opset": OPSET, **{name: metadata.version(name) for name in names}}


def _onnx(program: ExportedProgram) -> onnx.ModelProto:
    outputs = list(program.outputs)
    return to_onnx(program.name, program.function, program.params, program.inputs, outputs)


def _bytes(model: onnx.ModelProto) -> bytes:
    return model.SerializeToString(deterministic=True)
