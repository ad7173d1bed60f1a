"""One ONNX graph while it is being written."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from pqmim_jax.export.errors import UnsupportedOperationError

OPSET = 20
IR_VERSION = 10  # read by ONNX Runtime since 1.18, and by its build for browsers
CONTRIBUTED = "com.microsoft"  # domain of ONNX Runtime's own operations
_DTYPES = {
    "float16": TensorProto.FLOAT16,
    "float32": TensorProto.FLOAT,
    "float64": TensorProto.DOUBLE,
    "int32": TensorProto.INT32,
    "int64": TensorProto.INT64,
    "uint8": TensorProto.UINT8,
    "int8": TensorProto.UINT8,  # 128 more: products of unsigned bytes are exact on every processor
    "bool": TensorProto.BOOL,
}


def onnx_dtype(dtype) -> int:
    """ONNX's number of a dtype; UnsupportedOperationError if its runtimes lack kernels for it."""
    name = np.dtype(dtype).name
    if name not in _DTYPES:
        raise UnsupportedOperationError(f"dtype {name} cannot be exported to ONNX")
    return _DTYPES[name]


@dataclass(frozen=True)
class Tensor:
    """A tensor of the graph.

    Dimensions that the traced program has broadcast may still be 1 here: arithmetic broadcasts by
    itself, other operations ask for `Graph.expanded`.
    """

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype
    value: np.ndarray | None = None  # of a constant


class Graph:
    """Nodes and constants so far."""

    def __init__(self, name: str):
        """An empty graph."""
        self._name = name
        self._nodes: list[onnx.NodeProto] = []
        self._constants: dict[bytes, Tensor] = {}
        self._initializers: list[TensorProto] = []

    def add(self, op: str, inputs: Iterable[Tensor | None], shape, dtype, **attributes) -> Tensor:
        """The one output of a new node; None is an input left out."""
        out = Tensor(f"{op}_{len(self._nodes)}", tuple(shape), np.dtype(dtype))
        onnx_dtype(dtype)
        names = [tensor.name if tensor else "" for tensor in inputs]
        self._node(op, names, [out.name], **attributes)
        return out

    def add_split(self, x: Tensor, sizes: Sequence[int], axis: int) -> list[Tensor]:
        """Parts of a tensor along an axis."""
        shapes = [(*x.shape[:axis], size, *x.shape[axis + 1 :]) for size in sizes]
        outs = [Tensor(f"Split_{len(self._nodes)}_{i}", s, x.dtype) for i, s in enumerate(shapes)]
        names = [x.name, self.constant(np.array(sizes, np.int64)).name]
        self._node("Split", names, [out.name for out in outs], axis=axis)
        return outs

    def _node(self, op: str, inputs: list[str], outputs: list[str], **attributes) -> None:
        # Some releases of ONNX Runtime refuse two nodes of one name, no name among them.
        node = helper.make_node(op, inputs, outputs, name=outputs[0], **attributes)
        self._nodes.append(node)

    def constant(self, value: np.ndarray, name: str | None = None) -> Tensor:
        """A tensor of known values; equal ones are stored once.

        Floats that half precision holds exactly are stored so (weights are, on disk) and widened
        by the graph, which its runtime does once, when it loads.
        """
        value = np.asarray(value)
        key = hashlib.sha256(f"{value.dtype} {value.shape}".encode() + value.tobytes()).digest()
        if key not in self._constants:
            label = name or f"constant_{len(self._constants)}"
            self._constants[key] = self._store(value, label)
        return self._constants[key]

    def _store(self, value: np.ndarray, label: str) -> Tensor:
        stored, tensor = value, Tensor(label, value.shape, value.dtype, value)
        if value.dtype == np.int8:
            stored = (value.astype(np.int16) + 128).astype(np.uint8)
            self._initializers.append(numpy_helper.from_array(stored, label))
            return tensor
        onnx_dtype(value.dtype)
        if value.dtype in (np.float32, np.float64) and value.size > 64:
            with np.errstate(over="ignore"):
                half = value.astype(np.float16)
            stored = half if np.array_equal(half.astype(value.dtype), value) else value
        self._initializers.append(numpy_helper.from_array(np.ascontiguousarray(stored), label))
        if stored is value:
            return tensor
        widened = self.add("Cast", [tensor], value.shape, value.dtype, to=onnx_dtype(value.dtype))
        return replace(widened, value=value)

    def signed(self, value: np.ndarray) -> Tensor:
        """Constant bytes with their sign, which no operation but a product takes."""
        label = f"signed_{len(self._initializers)}"
        self._initializers.append(numpy_helper.from_array(np.ascontiguousarray(value), label))
        return Tensor(label, value.shape, value.dtype, value)

    def expanded(self, x: Tensor, shape: Sequence[int]) -> Tensor:
        """`x` with all its dimensions broadcast to `shape`."""
        if x.shape == tuple(shape):
            return x
        target = self.constant(np.array(shape, np.int64))
        return self.add("Expand", [x, target], shape, x.dtype)

    def reshaped(self, x: Tensor, shape: Sequence[int]) -> Tensor:
        """`x` with other dimensions, of the same size."""
        if x.shape == tuple(shape):
            return x
        target = self.constant(np.array(shape, np.int64))
        return self.add("Reshape", [x, target], shape, x.dtype)

    def transposed(self, x: Tensor, order: Sequence[int]) -> Tensor:
        """`x` with its dimensions in another order."""
        if list(order) == list(range(len(order))):
            return x
        shape = [x.shape[i] for i in order]
        return self.add("Transpose", [x], shape, x.dtype, perm=[int(i) for i in order])

    def finish(self, inputs: dict[str, Tensor], outputs: dict[str, Tensor]) -> onnx.ModelProto:
        """The checked model; `outputs` maps the names they get to tensors of the graph."""
        for name, tensor in outputs.items():
            self._node("Identity", [tensor.name], [name])
        nodes, needed = self._needed(outputs)
        graph = helper.make_graph(
            nodes,
            self._name,
            [_value_info(name, tensor) for name, tensor in inputs.items()],
            [_value_info(name, tensor) for name, tensor in outputs.items()],
            [each for each in self._initializers if each.name in needed],
        )
        model = helper.make_model(
            graph,
            opset_imports=[helper.make_opsetid("", OPSET), helper.make_opsetid(CONTRIBUTED, 1)],
            ir_version=IR_VERSION,
            producer_name="pqmim-jax",
        )
        onnx.checker.check_model(model, full_check=True)
        return model

    def _needed(self, outputs: Iterable[str]) -> tuple[list[onnx.NodeProto], set[str]]:
        """Nodes that some output depends on, and the names of all tensors that these read."""
        needed, nodes = set(outputs), []
        for node in reversed(self._nodes):
            if needed.intersection(node.output):
                needed.update(node.input)
                nodes.append(node)
        return nodes[::-1], needed


def _value_info(name: str, tensor: Tensor) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, onnx_dtype(tensor.dtype), tensor.shape)
