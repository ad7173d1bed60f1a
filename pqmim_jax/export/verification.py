"""Is an exported program the program? Each one is run beside JAX before it is handed out."""

import jax
import numpy as np

from pqmim_jax.codec.networks import Networks
from pqmim_jax.export.programs import ExportedProgram
from pqmim_jax.runtime.manifest import ExportError
from pqmim_jax.runtime.sessions import Session

# Of the largest value of an output: sums of a few hundred products in another order.
TOLERANCE = 1e-4
PIXEL_TOLERANCE = 1  # of 255
EXACT = ("context", "fixed_logits")  # what decides about bytes


def verify(
    networks: Networks, programs: dict[str, list[ExportedProgram]], files: dict[str, bytes]
) -> None:
    """Runs every program in ONNX Runtime and in JAX on the same inputs.

    Raises:
      ExportError: an output differs by more than the tolerances above.
    """
    rng = np.random.default_rng(0)
    limits = {"mask": (1, 1), "quality": (networks.num_codebooks,) * 2}
    context = None
    for role, segments in programs.items():
        inputs = _inputs(segments[0], rng, limits)
        if role == "head":
            rows = context.reshape(-1, context.shape[-1])
            inputs[0] = np.resize(rows, inputs[0].shape)  # such as the head gets
        for program in segments:
            expected = jax.jit(program.function)(program.params, *inputs)
            session = Session(files[f"{program.name}.onnx"])
            found = session(*inputs)
            for name, a, b in zip(program.outputs, expected, found, strict=True):
                _compare(program.name, name, np.asarray(a), b)
            inputs = [np.asarray(a) for a in expected]
        context = inputs[0] if role == "context" else context


def _inputs(program: ExportedProgram, rng: np.random.Generator, limits: dict) -> list[np.ndarray]:
    made = []
    for name, array in program.inputs.items():
        if name in limits:
            value = np.full(array.shape, limits[name][0])
        elif array.dtype == np.uint8:
            value = rng.integers(0, 256, array.shape)
        elif array.dtype == np.int32:
            value = rng.integers(-1, 2, array.shape)
        else:
            value = rng.normal(size=array.shape)
        made.append(np.asarray(value, array.dtype))
    return made


def _compare(program: str, output: str, a: np.ndarray, b: np.ndarray) -> None:
    if a.shape != b.shape or a.dtype != b.dtype:
        raise ExportError(
            f"program {program!r}, output {output!r}: ONNX Runtime gives {b.dtype} {b.shape}, "
            f"JAX {a.dtype} {a.shape}"
        )
    difference = np.abs(a.astype(np.float64) - b).max()
    if output in EXACT:
        allowed = 0.0
    elif a.dtype == np.uint8:
        allowed = PIXEL_TOLERANCE
    else:
        allowed = TOLERANCE * max(1.0, np.abs(a).max())
    if not difference <= allowed:
        raise ExportError(
            f"program {program!r}, output {output!r} differs between ONNX Runtime and JAX by "
            f"{difference:.3g}, allowed {allowed:.3g}"
        )
