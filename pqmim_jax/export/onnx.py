"""Models as ONNX programs, which the JAX-free runtime and browsers run."""

from importlib import metadata

import onnx

from pqmim_jax.codec.networks import Networks
from pqmim_jax.export.graph import OPSET
from pqmim_jax.export.jaxpr_to_onnx import to_onnx
from pqmim_jax.export.programs import (
    ExportedProgram,
    Programs,
    any_shape,
    context_program,
    describe,
    head_program,
    region_programs,
    sizes,
)
from pqmim_jax.export.symbolic import SHAPES, merged
from pqmim_jax.export.verification import verify
from pqmim_jax.model_store import StoredModel

_VERIFIED = (9, 6)  # a shape of regions that the programs were not made from


def onnx_export(model: StoredModel, *, verified: bool) -> tuple[dict, dict[str, bytes]]:
    """Manifest section "programs" and the files of a model; `verified`: checked against JAX.

    Raises:
      UnsupportedOperationError: a network uses an operation that has no counterpart; named.
      ExportError: a program does not give in ONNX Runtime what it gives in JAX.
    """
    networks = Networks(model, inside=True)
    windows = context_program(networks)
    files = {f"{p.name}.onnx": _bytes(_onnx(p)) for parts in windows.values() for p in parts}
    general = _of_any_size(networks, any_shape())
    examples = [_of_any_size(networks, shape) for shape in SHAPES]
    for role, segments in general.items():
        for i, program in enumerate(segments):
            models = [_onnx(programs[role][i]) for programs in examples]
            arrays = program.inputs | program.outputs
            shapes = {name: sizes(array) for name, array in arrays.items()}
            files[f"{program.name}.onnx"] = _bytes(merged(models, shapes))
    if verified:
        verify(networks, windows | _of_any_size(networks, _VERIFIED), files)
    return describe(general | windows, networks, ".onnx"), files


def _of_any_size(networks: Networks, shape: tuple) -> Programs:
    """Programs that are written for any shape of a region, or any number of tokens."""
    return region_programs(networks, shape) | head_program(networks, shape[0])


def onnx_versions() -> dict:
    """Of what made the files."""
    names = ("jax", "onnx", "onnxruntime")
    return {"opset": OPSET, **{name: metadata.version(name) for name in names}}


def _onnx(program: ExportedProgram) -> onnx.ModelProto:
    outputs = list(program.outputs)
    return to_onnx(program.name, program.function, program.params, program.inputs, outputs)


def _bytes(model: onnx.ModelProto) -> bytes:
    return model.SerializeToString(deterministic=True)
