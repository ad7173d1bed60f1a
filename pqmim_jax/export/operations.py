"""How each operation of a traced program is written in ONNX: arithmetic.

A rule takes the graph, the operands as tensors, and the traced equation, and returns the tensor
of its result (a list, where there are several).
"""

from collections.abc import Callable

import numpy as np

from pqmim_jax.export.errors import UnsupportedOperationError
from pqmim_jax.export.graph import Graph, Tensor, onnx_dtype

RULES: dict[str, Callable] = {}


def rule(*names: str) -> Callable:
    """Registers a function as the rule of some of JAX's primitives."""

    def register(function: Callable) -> Callable:
        RULES.update(dict.fromkeys(names, function))
        return function

    return register


def unsupported(eqn, why: str) -> UnsupportedOperationError:
    """The error to raise for an equation."""
    return UnsupportedOperationError(
        f"operation {eqn.primitive.name!r} cannot be exported to ONNX: {why}"
    )


_ELEMENTWISE = {
    "abs": "Abs",
    "add": "Add",
    "add_any": "Add",
    "and": "And",
    "ceil": "Ceil",
    "cos": "Cos",
    "div": "Div",
    "eq": "Equal",
    "exp": "Exp",
    "floor": "Floor",
    "ge": "GreaterOrEqual",
    "gt": "Greater",
    "le": "LessOrEqual",
    "log": "Log",
    "logistic": "Sigmoid",
    "lt": "Less",
    "max": "Max",
    "min": "Min",
    "mul": "Mul",
    "neg": "Neg",
    "not": "Not",
    "or": "Or",
    "sign": "Sign",
    "sin": "Sin",
    "sqrt": "Sqrt",
    "sub": "Sub",
    "tanh": "Tanh",
}


@rule(*_ELEMENTWISE)
def _elementwise(graph: Graph, operands: list[Tensor], eqn) -> Tensor:
    name = eqn.primitive.name
    if name in ("and", "or", "not") and operands[0].dtype != bool:
        raise unsupported(eqn, "only on booleans")
    if name == "div" and operands[1].value is not None and np.all(operands[1].value == 1):
        return operands[0]
    return _add(graph, _ELEMENTWISE[name], operands, eqn)


@rule("rsqrt")
def _rsqrt(graph: Graph, operands: list[Tensor], eqn) -> Tensor:
    root = _add(graph, "Sqrt", operands, eqn)
    return _add(graph, "Reciprocal", [root], eqn)


@rule("square")
def _square(graph: Graph, operands: list[Tensor], eqn) -> Tensor:
    return _add(graph, "Mul", [operands[0], operands[0]], eqn)


@rule("integer_pow")
def _integer_pow(graph: Graph, operands: list[Tensor], eqn) -> Tensor:
    (x,), power = operands, eqn.params["y"]
    if not 1 <= abs(power) <= 4:
        raise unsupported(eqn, f"power {power} is not in 1..4 or -4..-1")
    result = x
    for _ in range(abs(power) - 1):
        result = _add(graph, "Mul", [result, x], eqn)
    return result if power > 0 else _add(graph, "Reciprocal", [result], eqn)


@rule("erf")
def _erf(graph: Graph, operands: list[Tensor], eqn) -> Tensor:
    if operands[0].dtype != np.float32:
        raise unsupported(eqn, "only in float32")
    return _add(graph, "Erf", operands, eqn)


@rule("round")
def _round(graph: Graph, operands: list[Tensor], eqn) -> Tensor:
    if int(eqn.params["rounding_method"]) != 1:
        raise unsupported(eqn, "only to the nearest, halves to even")
    return _add(graph, "Round", operands, eqn)


@rule("select_n")
def _select(graph: Graph, operands: list[Tensor], eqn) -> Tensor:
    if operands[0].dtype != bool or len(operands) != 3:
        raise unsupported(eqn, "only between two cases")
    condition, when_false, when_true = operands
    return _add(graph, "Where", [condition, when_true, when_false], eqn)


@rule("convert_element_type")
def _convert(graph: Graph, operands: list[Tensor], eqn) -> Tensor:
    (x,), dtype = operands, eqn.outvars[0].aval.dtype
    if x.dtype == np.int8 and dtype == np.float32:
        return dequantized(graph, x)
    return x if x.dtype == dtype else _add(graph, "Cast", operands, eqn, to=onnx_dtype(dtype))


def dequantized(graph: Graph, x: Tensor) -> Tensor:
    """int8 as float32."""
    one, zero = graph.constant(np.float32(1)), graph.constant(np.int8(0))
    return graph.add("DequantizeLinear", [x, one, zero], x.shape, np.float32)


@rule("stop_gradient", "copy", "copy_p", "name", "optimization_barrier", "reduce_precision")
def _identity(graph: Graph, operands: list[Tensor], eqn) -> Tensor:
    if eqn.primitive.name == "reduce_precision":
        raise unsupported(eqn, "ONNX has no such operation")
    if len(operands) != 1:
        raise unsupported(eqn, "only of one array")
    return operands[0]


_REDUCTIONS = {
    "reduce_sum": "ReduceSum",
    "reduce_max": "ReduceMax",
    "reduce_min": "ReduceMin",
    "reduce_prod": "ReduceProd",
}


@rule(*_REDUCTIONS)
def _reduce(graph: Graph, operands: list[Tensor], eqn) -> Tensor:
    x = graph.expanded(operands[0], eqn.invars[0].aval.shape)
    axes = graph.constant(np.array(eqn.params["axes"], np.int64))
    out = eqn.outvars[0].aval
    op = _REDUCTIONS[eqn.primitive.name]
    return graph.add(op, [x, axes], out.shape, out.dtype, keepdims=0)


@rule("argmax", "argmin")
def _arg(graph: Graph, operands: list[Tensor], eqn) -> Tensor:
    x = graph.expanded(operands[0], eqn.invars[0].aval.shape)
    (axis,), out = eqn.params["axes"], eqn.outvars[0].aval
    op = {"argmax": "ArgMax", "argmin": "ArgMin"}[eqn.primitive.name]
    found = graph.add(op, [x], out.shape, np.int64, axis=int(axis), keepdims=0)
    return graph.add("Cast", [found], out.shape, out.dtype, to=onnx_dtype(out.dtype))


def _add(graph: Graph, op: str, operands: list[Tensor], eqn, **attributes) -> Tensor:
    shape = np.broadcast_shapes(*(x.shape for x in operands))
    return graph.add(op, operands, shape, eqn.outvars[0].aval.dtype, **attributes)
