"""Is an exported program the program? Each one is run beside JAX before it is handed out."""

import jax
import numpy as np

from pqmim_jax.codec.networks import Networks
from pqmim_jax.export.programs import ExportedProgram
from pqmim_jax.runtime.manifest import ExportError
from pqmim_jax.runtime.sessions import Session

# Of the largest value of an output: sums of a few hundred products in another order.
FLOAT32_TOLERANCE, FLOAT64_TOLERANCE = 1e-4, 1e-11
PIXEL_TOLERANCE = 1  # of 255
# A rounded logit may differ where float32 sums do; of float64 ones none in a block of thousands.
FLOAT32_LOGITS_THAT_DIFFER = 0.01


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
            inputs[0] = np.resize(rows, inputs[0].shape)
        for program in segments:
            with program.network.arithmetic():
                expected = jax.jit(program.function)(program.params, *inputs)
            session = Session(files[f"{program.name}.onnx"])
            found = session(*inputs)
            for name, a, b in zip(program.outputs, expected, found, strict=True):
                _compare(program.name, name, np.asarray(a), b, networks.precision)
            inputs = [np.asarray(a) for a in expected]
        context = inputs[0]


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


def _compare(program: str, output: str, a: np.ndarray, b: np.ndarray, precision: str) -> None:
    if a.shape != b.shape or a.dtype != b.dtype:
        raise ExportError(
            f"program {program!r}, output {output!r}: ONNX Runtime gives {b.dtype} {b.shape}, "
            f"JAX {a.dtype} {a.shape}"
        )
    difference = np.abs(a.astype(np.float64) - b)
    if output == "fixed_logits":
        allowed = FLOAT32_LOGITS_THAT_DIFFER if precision == "float32" else 0.0
        wrong, what = np.mean(difference > 0), "share of rounded logits"
    elif a.dtype == np.uint8:
        allowed, wrong, what = PIXEL_TOLERANCE, difference.max(), "largest pixel difference"
    else:
        tolerance = FLOAT64_TOLERANCE if a.dtype == np.float64 else FLOAT32_TOLERANCE
        allowed = tolerance * max(1.0, np.abs(a).max())
        wrong, what = difference.max(), "largest difference"
    if not wrong <= allowed:
        raise ExportError(
            f"program {program!r}, output {output!r} differs between ONNX Runtime and JAX: "
            f"{what} {wrong:.3g}, allowed {allowed:.3g}"
        )
