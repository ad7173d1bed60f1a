"""Models as ONNX programs, which the JAX-free runtime and browsers run."""

from importlib import metadata

from pqmim_jax.codec.networks import Networks
from pqmim_jax.export.graph import OPSET
from pqmim_jax.export.jaxpr_to_onnx import to_onnx
from pqmim_jax.export.programs import ExportedProgram, describe, exported_programs
from pqmim_jax.export.verification import verify
from pqmim_jax.model_store import StoredModel


def onnx_export(model: StoredModel) -> tuple[dict, dict[str, bytes]]:
    """Manifest section "programs" and the files of a model; each program is checked against JAX.

    Raises:
      UnsupportedOperationError: a network uses an operation that has no counterpart; named.
      ExportError: a program does not give in ONNX Runtime what it gives in JAX.
    """
    networks = Networks(model)
    programs = exported_programs(networks)
    files = {}
    for program in (each for segments in programs.values() for each in segments):
        files[f"{program.name}.onnx"] = _serialised(program)
    verify(networks, programs, files)
    return describe(programs, networks, ".onnx"), files


def onnx_versions() -> dict:
    """Of what made the files."""
    names = ("jax", "onnx", "onnxruntime")
    return {"opset": OPSET, **{name: metadata.version(name) for name in names}}


def _serialised(program: ExportedProgram) -> bytes:
    outputs = list(program.outputs)
    model = to_onnx(program.name, program.function, program.params, program.inputs, outputs)
    return model.SerializeToString(deterministic=True)
