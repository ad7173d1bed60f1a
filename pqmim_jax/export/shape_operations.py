"""How each operation of a traced program is written in ONNX: shapes and look-ups."""

import numpy as np

from pqmim_jax.export.graph import Graph, Tensor, onnx_dtype
from pqmim_jax.export.operations import rule, unsupported


@rule("broadcast_in_dim")
def _broadcast(graph: Graph, operands: list[Tensor], eqn) -> Tensor:
    x, shape = operands[0], eqn.outvars[0].aval.shape
    placed = [1] * len(shape)
    for size, dimension in zip(x.shape, eqn.params["broadcast_dimensions"], strict=True):
        placed[dimension] = size
    return graph.reshaped(x, placed)


@rule("reshape", "squeeze", "expand_dims")
def _reshape(graph: Graph, operands: list[Tensor], eqn) -> Tensor:
    x = _full(graph, operands, eqn)[0]
    return graph.reshaped(x, eqn.outvars[0].aval.shape)


@rule("transpose")
def _transpose(graph: Graph, operands: list[Tensor], eqn) -> Tensor:
    return graph.transposed(operands[0], eqn.params["permutation"])


@rule("concatenate")
def _concatenate(graph: Graph, operands: list[Tensor], eqn) -> Tensor:
    out, axis = eqn.outvars[0].aval, int(eqn.params["dimension"])
    parts = _full(graph, operands, eqn)
    return graph.add("Concat", parts, out.shape, out.dtype, axis=axis)


@rule("stack")
def _stack(graph: Graph, operands: list[Tensor], eqn) -> Tensor:
    out, axis = eqn.outvars[0].aval, int(eqn.params["axis"])
    layer = (*out.shape[:axis], 1, *out.shape[axis + 1 :])
    parts = [graph.reshaped(x, layer) for x in _full(graph, operands, eqn)]
    return graph.add("Concat", parts, out.shape, out.dtype, axis=axis)


@rule("split")
def _split(graph: Graph, operands: list[Tensor], eqn) -> list[Tensor]:
    (x,) = _full(graph, operands, eqn)
    return graph.add_split(x, eqn.params["sizes"], int(eqn.params["axis"]))


@rule("slice")
def _slice(graph: Graph, operands: list[Tensor], eqn) -> Tensor:
    (x,), params, out = _full(graph, operands, eqn), eqn.params, eqn.outvars[0].aval
    strides = params["strides"] or (1,) * len(x.shape)
    each = zip(params["start_indices"], params["limit_indices"], strides, x.shape, strict=True)
    cut = [(a, *s[:3]) for a, s in enumerate(each) if s[:3] != (0, s[3], 1)]
    if not cut:
        return x
    axes, starts, ends, steps = (
        graph.constant(np.array(column, np.int64)) for column in zip(*cut, strict=True)
    )
    return graph.add("Slice", [x, starts, ends, axes, steps], out.shape, out.dtype)


@rule("rev")
def _reverse(graph: Graph, operands: list[Tensor], eqn) -> Tensor:
    (x,), axes = _full(graph, operands, eqn), eqn.params["dimensions"]
    last, first, step = -1, np.iinfo(np.int64).min, -1  # an end before the first element
    columns = ([value] * len(axes) for value in (last, first))
    starts, ends = (graph.constant(np.array(column, np.int64)) for column in columns)
    steps = graph.constant(np.array([step] * len(axes), np.int64))
    axes = graph.constant(np.array(axes, np.int64))
    return graph.add("Slice", [x, starts, ends, axes, steps], x.shape, x.dtype)


@rule("dynamic_slice")
def _dynamic_slice(graph: Graph, operands: list[Tensor], eqn) -> Tensor:
    x, *starts = operands
    x = graph.expanded(x, eqn.invars[0].aval.shape)
    for axis, (start, size) in enumerate(zip(starts, eqn.params["slice_sizes"], strict=True)):
        if size == x.shape[axis]:
            continue  # JAX moves a start so that the slice fits: here to 0
        shape = (*x.shape[:axis], size, *x.shape[axis + 1 :])
        begin = graph.reshaped(_as_int64(graph, start), (1,))
        bounds = [graph.constant(np.array([n], np.int64)) for n in (0, x.shape[axis] - size)]
        begin = graph.add("Max", [begin, bounds[0]], (1,), np.int64)
        begin = graph.add("Min", [begin, bounds[1]], (1,), np.int64)
        end = graph.add("Add", [begin, graph.constant(np.array([size]))], (1,), np.int64)
        axes = graph.constant(np.array([axis], np.int64))
        x = graph.add("Slice", [x, begin, end, axes], shape, x.dtype)
    return x


@rule("pad")
def _pad(graph: Graph, operands: list[Tensor], eqn) -> Tensor:
    x, value = _full(graph, operands, eqn)
    config, out = eqn.params["padding_config"], eqn.outvars[0].aval
    if any(interior for *_, interior in config):
        raise unsupported(eqn, "only around an array")
    pads = [low for low, _, _ in config] + [high for _, high, _ in config]
    if not any(pads):
        return x
    amounts = graph.constant(np.array(pads, np.int64))  # below 0: ONNX cuts off as JAX does
    return graph.add("Pad", [x, amounts, value], out.shape, out.dtype)


@rule("gather")
def _gather(graph: Graph, operands: list[Tensor], eqn) -> Tensor:
    """Integer indexing of the leading dimensions, table[i, j, ...]."""
    x, indices = _full(graph, operands, eqn)
    numbers, out = eqn.params["dimension_numbers"], eqn.outvars[0].aval
    k, batch = indices.shape[-1], len(indices.shape) - 1
    is_indexing = (
        numbers.start_index_map == numbers.collapsed_slice_dims == tuple(range(k))
        and numbers.offset_dims == tuple(range(batch, len(out.shape)))
        and not numbers.operand_batching_dims
        and eqn.params["slice_sizes"] == (1,) * k + x.shape[k:]
    )
    if not is_indexing:
        raise unsupported(eqn, "only as integer indexing of leading dimensions")
    mode = str(eqn.params["mode"])
    if "FILL" in mode:
        raise unsupported(eqn, "only of indices that are known to be within bounds")
    rows = _as_int64(graph, indices)
    if "CLIP" in mode:
        highest = graph.constant(np.array(x.shape[:k], np.int64) - 1)
        rows = graph.add("Min", [rows, highest], rows.shape, np.int64)
        rows = graph.add("Max", [rows, graph.constant(np.int64(0))], rows.shape, np.int64)
    return graph.add("GatherND", [x, rows], out.shape, out.dtype)


def _as_int64(graph: Graph, x: Tensor) -> Tensor:
    if x.dtype == np.int64:
        return x
    return graph.add("Cast", [x], x.shape, np.int64, to=onnx_dtype(np.int64))


def _full(graph: Graph, operands: list[Tensor], eqn) -> list[Tensor]:
    shapes = (variable.aval.shape for variable in eqn.invars)
    return [graph.expanded(x, shape) for x, shape in zip(operands, shapes, strict=True)]
