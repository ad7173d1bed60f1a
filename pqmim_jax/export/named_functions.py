"""Functions that are written in ONNX as a whole: those of `integer.arithmetic`.

int8 tensors are carried as unsigned bytes 128 larger (`graph`): products of unsigned bytes are
exact in ONNX Runtime on every processor, and so are those of unsigned by signed bytes as long as
the signed ones lie within +-64. Where a processor has no such product, two neighbouring ones are
added in 16 bits, which then still hold them.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from pqmim_jax.export.graph import CONTRIBUTED, Graph, Tensor
from pqmim_jax.export.operations import dequantized
from pqmim_jax.integer.exponentials import as_sigmoid

_LARGEST_SIGNED = 64


def scaled_product(graph: Graph, operands: list[Tensor], eqn) -> Tensor:
    """One product, in which ONNX Runtime applies scale and bias while sums are in registers."""
    a, b, scale, bias = operands
    zero = graph.constant(np.int8(0))
    b_zero = zero
    if b.value is not None and np.abs(b.value.astype(int)).max() <= _LARGEST_SIGNED:
        b, b_zero = graph.signed(b.value), None
    if bias.value is not None and not bias.value.any():
        bias = None
    inputs = [a, b, graph.constant(np.float32(1)), scale, zero, b_zero, bias]
    out = eqn.outvars[0].aval
    op = "MatMulIntegerToFloat"
    return graph.add(op, inputs, out.shape, np.float32, domain=CONTRIBUTED)


def to_int8(graph: Graph, operands: list[Tensor], eqn) -> Tensor:
    """Rounded and clipped in one operation."""
    return _quantized(graph, operands[0], zero=0)


def rectified_int8(graph: Graph, operands: list[Tensor], eqn) -> Tensor:
    """The carrier of 0 is the smallest byte there is: clipping rectifies."""
    return _quantized(graph, operands[0], zero=-128)


def to_bytes(graph: Graph, operands: list[Tensor], eqn) -> Tensor:
    """The carrier as it is."""
    return replace(operands[0], dtype=np.dtype(np.uint8), value=None)


def from_bytes(graph: Graph, operands: list[Tensor], eqn) -> Tensor:
    """Bytes as a carrier."""
    return replace(operands[0], dtype=np.dtype(np.int8), value=None)


def clip(graph: Graph, operands: list[Tensor], eqn) -> Tensor | None:
    """Of floats between two numbers, in one operation instead of two; None: spelt out."""
    x, *ends = operands
    if x.dtype != np.float32 or len(ends) != 2 or any(e.value is None or e.shape for e in ends):
        return None
    known = [graph.constant(np.float32(end.value)) for end in ends]
    return graph.add("Clip", [x, *known], x.shape, x.dtype)


def look_up(graph: Graph, operands: list[Tensor], eqn) -> Tensor:
    """Of operations that look up, GatherElements is ten times faster than Gather for many."""
    table, index = operands
    is_bytes = table.dtype == np.int8
    if is_bytes:
        table = graph.constant(table.value.astype(np.float32) + 128)
    shape, count = index.shape, int(np.prod(index.shape))
    index = graph.add("Cast", [index], shape, np.int32, to=_INT32)
    if count <= _FEW and not is_bytes:
        return graph.add("Gather", [table, index], shape, np.float32)
    entries = [table, graph.reshaped(index, (count,))]
    found = graph.add("GatherElements", entries, (count,), np.float32, axis=0)
    if is_bytes:
        found = graph.add("Cast", [found], (count,), np.int8, to=_UINT8)
    return graph.reshaped(found, shape)


def take_rows(graph: Graph, operands: list[Tensor], eqn) -> Tensor:
    """Rows are long enough for Gather to be quick."""
    out = eqn.outvars[0].aval
    return graph.add("Gather", operands, out.shape, out.dtype, axis=0)


def channel_sum(graph: Graph, operands: list[Tensor], eqn) -> Tensor:
    """A sum that keeps its axis."""
    return _reduced(graph, "ReduceSum", operands[0], eqn)


def least_reached(graph: Graph, operands: list[Tensor], eqn) -> Tensor:
    """Spelt out in three operations."""
    x, thresholds, values = operands
    shape = (*x.shape[:-1], thresholds.shape[0])
    reached = graph.add("GreaterOrEqual", [x, thresholds], shape, bool)
    beyond = graph.constant(np.float32(np.inf))
    chosen = graph.add("Where", [reached, values, beyond], shape, np.float32)
    return _reduced(graph, "ReduceMin", chosen, eqn)


def exponential(graph: Graph, operands: list[Tensor], eqn) -> Tensor | None:
    """A sigmoid of bytes, where the table is one; None: looked up."""
    table, x = operands
    entries = table.value.astype(int) + 128
    sigmoid = as_sigmoid(entries)
    if sigmoid is None:
        return None
    index = _quantized(graph, x, zero=len(entries) - 1 - 128)
    scales = [graph.constant(np.float32(each)) for each in (sigmoid.scale, sigmoid.unit)]
    zeros = [graph.constant(np.int8(each - 128)) for each in (sigmoid.zero, 0)]
    inputs = [index, scales[0], zeros[0], scales[1], zeros[1]]
    return graph.add("QLinearSigmoid", inputs, x.shape, np.int8, domain=CONTRIBUTED)


def depthwise_sum(graph: Graph, operands: list[Tensor], eqn) -> Tensor:
    """A convolution of one channel a group."""
    x, kernel = dequantized(graph, operands[0]), operands[1].value.astype(np.float32)
    channels, out = kernel.shape[-1], eqn.outvars[0].aval
    planes = graph.transposed(x, (2, 0, 1))
    planes = graph.reshaped(planes, (1, *planes.shape))
    weights = graph.constant(np.ascontiguousarray(kernel.transpose(2, 0, 1)[:, None]))
    shape = (1, channels, *out.shape[:2])
    sums = graph.add("Conv", [planes, weights], shape, np.float32, group=channels)
    return graph.transposed(graph.reshaped(sums, shape[1:]), (1, 2, 0))


def _quantized(graph: Graph, x: Tensor, zero: int) -> Tensor:
    inputs = [x, graph.constant(np.float32(1)), graph.constant(np.int8(zero))]
    return graph.add("QuantizeLinear", inputs, x.shape, np.int8)


def _reduced(graph: Graph, op: str, x: Tensor, eqn) -> Tensor:
    """Over the last axis, which is kept."""
    last = graph.constant(np.array([-1], np.int64))
    return graph.add(op, [x, last], eqn.outvars[0].aval.shape, np.float32, keepdims=1)


_FEW = 4096  # look-ups that take less time than reshaping twice
_INT32, _UINT8 = 6, 2  # of onnx.TensorProto

NAMED: dict[str, Callable] = {
    function.__name__: function
    for function in (
        scaled_product,
        to_int8,
        rectified_int8,
        to_bytes,
        from_bytes,
        clip,
        look_up,
        take_rows,
        channel_sum,
        least_reached,
        exponential,
        depthwise_sum,
    )
}
