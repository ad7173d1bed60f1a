"""One ONNX model for arrays of many sizes, made from models of a few sizes.

Our exporter writes shapes as constants. Written down for regions of several shapes, a program's
graphs have the same nodes, and differ in such constants only; each that differs is a polynomial in
the region's rows and columns, which the merged graph computes from the shapes of its inputs.
"""

from collections.abc import Sequence
from fractions import Fraction

import numpy as np
import onnx
from onnx import helper, numpy_helper

from pqmim_jax.export.errors import UnsupportedOperationError

ROWS, COLS = (5, 7), (11, 13)
SHAPES = tuple((rows, cols) for rows in ROWS for cols in COLS)
"""Regions to write a program down for: sizes that no other dimension has."""

Terms = tuple[int, int, int, int]  # factors of 1, rows, cols, rows*cols


def merged(models: Sequence[onnx.ModelProto], shapes: dict[str, Sequence]) -> onnx.ModelProto:
    """A model that gives for regions of any shape what those of `SHAPES` give for theirs.

    Args:
      models: of one program, in the order of `SHAPES`.
      shapes: of its inputs and outputs by name, in sizes or, as strings, names of sizes.

    Raises:
      UnsupportedOperationError: they differ in more than what depends on rows and columns.
    """
    graphs = [model.graph for model in models]
    constants = [{t.name: numpy_helper.to_array(t) for t in g.initializer} for g in graphs]
    if len({len(graph.node) for graph in graphs}) > 1:
        raise UnsupportedOperationError("another shape of a region takes other operations")
    sizes = _Sizes(graphs)
    nodes = []
    for same in zip(*(graph.node for graph in graphs), strict=True):
        if len({(n.op_type, tuple(n.output), _attributes(n)) for n in same}) > 1:
            raise _differs(same[0])
        node = onnx.NodeProto()
        node.CopyFrom(same[0])
        for i, names in enumerate(zip(*(n.input for n in same), strict=True)):
            if names[0] in constants[0]:
                node.input[i] = _constant(sizes, same[0], names, constants)
            elif len(set(names)) > 1:
                raise _differs(same[0])
        nodes.append(node)
    return _with_nodes(models[0], [*sizes.nodes, *nodes], sizes.constants, shapes)


def _constant(sizes: "_Sizes", node: onnx.NodeProto, names: Sequence, constants: list) -> str:
    """Name of a tensor with the value of a constant that may be another one in each graph."""
    if any(name not in known for name, known in zip(names, constants, strict=True)):
        raise _differs(node)
    values = [known[name] for name, known in zip(names, constants, strict=True)]
    if all(v.dtype == values[0].dtype and np.array_equal(v, values[0]) for v in values):
        return names[0]
    if {(v.dtype.name, v.ndim, v.size) for v in values} != {("int64", 1, values[0].size)}:
        raise _differs(node)
    terms = [_fit(each) for each in np.stack(values, -1).tolist()]
    if None in terms:
        raise _differs(node)
    return sizes.vector(terms)


def _fit(values: Sequence[int]) -> Terms | None:
    """The polynomial that has these values at `SHAPES`; None if its factors are not whole."""
    (r, r2), (c, c2) = ROWS, COLS
    v, right, down, both = values
    product = Fraction(both - right - down + v, (r2 - r) * (c2 - c))
    rows = Fraction(down - v, r2 - r) - product * c
    cols = Fraction(right - v, c2 - c) - product * r
    terms = v - rows * r - cols * c - product * r * c, rows, cols, product
    return tuple(map(int, terms)) if all(t.denominator == 1 for t in terms) else None


class _Sizes:
    """The part of a graph that computes sizes, all of them int64 tensors of shape (n,)."""

    def __init__(self, graphs: Sequence[onnx.GraphProto]):
        self.nodes: list[onnx.NodeProto] = []
        self.constants: dict[str, np.ndarray] = {}
        self._known: dict[tuple, str] = {}
        inputs = list(zip(*(graph.input for graph in graphs), strict=True))
        for unit in ((0, 1, 0, 0), (0, 0, 1, 0)):
            self._find(unit, inputs)

    def _find(self, unit: Terms, inputs: list) -> None:
        """Takes rows or columns from an input that has a multiple of them as one dimension."""
        for same in inputs:
            dims = np.array([[d.dim_value for d in i.type.tensor_type.shape.dim] for i in same])
            for axis, terms in enumerate(map(_fit, dims.T.tolist())):
                factor = max(terms) if terms else 0
                if factor and terms == tuple(factor * n for n in unit):
                    name, ends = same[0].name, {"start": axis, "end": axis + 1}
                    size = self._add("Shape", [name], **ends)
                    parts = [size, self.constant(factor)]
                    self._known[unit] = self._add("Div", parts) if factor > 1 else size
                    return

    def vector(self, terms: Sequence[Terms]) -> str:
        """Name of a tensor of so many values."""
        if ("vector", *terms) not in self._known:
            parts = [self._value(each) for each in terms]
            name = parts[0] if len(parts) == 1 else self._add("Concat", parts, axis=0)
            self._known["vector", *terms] = name
        return self._known["vector", *terms]

    def constant(self, value: int) -> str:
        """Name of a tensor of one known value."""
        name = f"size_of_{value}".replace("-", "minus_")
        self.constants[name] = np.array([value], np.int64)
        return name

    def _value(self, terms: Terms) -> str:
        if terms in self._known:
            return self._known[terms]
        one, rows, cols, product = terms
        if not any(terms[1:]):
            return self.constant(one)
        if sum(map(bool, terms)) > 1:
            units = [tuple(n if i == j else 0 for j, n in enumerate(terms)) for i in range(4)]
            parts = [self._value(each) for each in units if any(each)]
            name = parts[0]
            for part in parts[1:]:
                name = self._add("Add", [name, part])
        elif rows + cols + product != 1:
            unit = tuple(int(n != 0) for n in terms)
            name = self._add("Mul", [self._value(unit), self.constant(rows + cols + product)])
        elif product:
            name = self._add("Mul", [self._value((0, 1, 0, 0)), self._value((0, 0, 1, 0))])
        else:
            raise UnsupportedOperationError("no input of a program tells a region's shape")
        self._known[terms] = name
        return name

    def _add(self, op: str, inputs: list[str], **attributes) -> str:
        name = f"size_{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, inputs, [name], name=name, **attributes))
        return name


def _with_nodes(model, nodes, constants, shapes) -> onnx.ModelProto:
    """A copy with other nodes, more constants, and sizes of inputs and outputs by name."""
    result = onnx.ModelProto()
    result.CopyFrom(model)
    graph = result.graph
    del graph.node[:], graph.initializer[:]
    graph.node.extend(nodes)
    used = {name for node in nodes for name in node.input}
    graph.initializer.extend(t for t in model.graph.initializer if t.name in used)
    graph.initializer.extend(numpy_helper.from_array(v, k) for k, v in constants.items())
    for each in (*graph.input, *graph.output):
        dims = each.type.tensor_type.shape.dim
        for dim, size in zip(dims, shapes[each.name], strict=True):
            if isinstance(size, str):
                dim.dim_param = size
    onnx.checker.check_model(result, full_check=True)
    return result


def _attributes(node: onnx.NodeProto) -> tuple[bytes, ...]:
    return tuple(sorted(each.SerializeToString(deterministic=True) for each in node.attribute))


def _differs(node: onnx.NodeProto) -> UnsupportedOperationError:
    return UnsupportedOperationError(
        f"operation {node.op_type!r} cannot be exported for regions of any shape: it differs "
        "between shapes in more than sizes"
    )
