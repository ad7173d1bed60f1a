"""How each operation of a traced program is written in ONNX: matrix products, convolutions."""

import math

from pqmim_jax.export.graph import Graph, Tensor, onnx_dtype
from pqmim_jax.export.operations import rule, unsupported


@rule("dot_general")
def _dot(graph: Graph, operands: list[Tensor], eqn) -> Tensor:
    left, right = _expanded(graph, operands, eqn)
    (left_sum, right_sum), (left_batch, right_batch) = eqn.params["dimension_numbers"]
    out = eqn.outvars[0].aval
    last = len(left.shape) - 1
    if not left_batch and left_sum == (last,) and len(right.shape) == 2 and len(right_sum) == 1:
        right = graph.transposed(right, (right_sum[0], 1 - right_sum[0]))
        product = graph.add("MatMul", [left, right], out.shape, left.dtype)
    else:
        rows, columns = _free(left, left_sum, left_batch), _free(right, right_sum, right_batch)
        a = _as_matrices(graph, left, left_batch, rows, left_sum)
        b = _as_matrices(graph, right, right_batch, right_sum, columns)
        shape = (*a.shape[:-1], b.shape[-1])
        product = graph.add("MatMul", [a, b], shape, left.dtype)
        product = graph.reshaped(product, out.shape)
    if left.dtype == out.dtype:
        return product
    return graph.add("Cast", [product], out.shape, out.dtype, to=onnx_dtype(out.dtype))


@rule("conv_general_dilated")
def _convolution(graph: Graph, operands: list[Tensor], eqn) -> Tensor:
    x, kernel = _expanded(graph, operands, eqn)
    params, out = eqn.params, eqn.outvars[0].aval
    if any(n != 1 for n in params["lhs_dilation"]) or params["batch_group_count"] != 1:
        raise unsupported(eqn, "only forward, without holes in its input")
    if any(low < 0 or high < 0 for low, high in params["padding"]):
        raise unsupported(eqn, "negative padding")
    layout = params["dimension_numbers"]
    x = graph.transposed(x, layout.lhs_spec)  # to batch, channels, space
    kernel = graph.transposed(kernel, layout.rhs_spec)  # to outputs, inputs, space
    result = graph.add(
        "Conv",
        [x, kernel],
        [out.shape[i] for i in layout.out_spec],
        out.dtype,
        strides=params["window_strides"],
        dilations=params["rhs_dilation"],
        pads=[low for low, _ in params["padding"]] + [high for _, high in params["padding"]],
        group=params["feature_group_count"],
    )
    back = [layout.out_spec.index(i) for i in range(len(out.shape))]
    return graph.transposed(result, back)


def _free(x: Tensor, summed: tuple, batch: tuple) -> tuple[int, ...]:
    return tuple(i for i in range(len(x.shape)) if i not in summed and i not in batch)


def _as_matrices(graph: Graph, x: Tensor, batch: tuple, rows: tuple, columns: tuple) -> Tensor:
    x = graph.transposed(x, (*batch, *rows, *columns))
    sizes, n, m = x.shape, len(batch), len(rows)
    shape = (*sizes[:n], math.prod(sizes[n : n + m]), math.prod(sizes[n + m :]))
    return graph.reshaped(x, shape)


def _expanded(graph: Graph, operands: list[Tensor], eqn) -> list[Tensor]:
    shapes = (variable.aval.shape for variable in eqn.invars)
    return [graph.expanded(x, shape) for x, shape in zip(operands, shapes, strict=True)]
