"""Traced JAX programs as ONNX models.

Our programs use some forty operations; each has a rule here, and what has none is refused by its
name. (`jax2onnx`, the general converter, brings some thirty packages, pins another orbax than
training needs, and knows neither segments nor float64 here.)
"""

from collections.abc import Callable
from functools import partial

import jax
import numpy as np
import onnx
from jax.extend.core import ClosedJaxpr, Jaxpr, Literal

from pqmim_jax.export import products, shape_operations
from pqmim_jax.export.errors import UnsupportedOperationError
from pqmim_jax.export.gelu import Gelus
from pqmim_jax.export.graph import Graph, Tensor
from pqmim_jax.export.named_functions import NAMED
from pqmim_jax.export.operations import RULES

_RULE_MODULES = (products, shape_operations)  # imported for the rules they register
_CALLS = (
    "jit",
    "pjit",
    "closed_call",
    "custom_jvp_call",
    "custom_vjp_call",
    "remat2",
    "checkpoint",
)
_MAX_FOLDED = 2**16  # elements of a result that is computed here instead of by the graph


def to_onnx(
    name: str, function: Callable, params: dict, inputs: dict, outputs: list[str]
) -> onnx.ModelProto:
    """An ONNX model of function(params, *inputs).

    Args:
      params: tree of arrays: they become part of the model, under their paths.
      inputs: `jax.ShapeDtypeStruct`s by name, in order.
      outputs: names for its results.

    Raises:
      UnsupportedOperationError: it uses something without a rule; the message names it.
    """
    closed = jax.make_jaxpr(function)(params, *inputs.values())
    graph = Graph(name)
    leaves = jax.tree_util.tree_leaves_with_path(params)
    used = {id(v) for eqn in closed.jaxpr.eqns for v in eqn.invars}
    arguments = []
    for variable, (path, leaf) in zip(closed.jaxpr.invars, leaves, strict=False):
        label = "/".join(str(part.key) for part in path)
        arguments.append(graph.constant(np.asarray(leaf), label) if id(variable) in used else None)
    tensors = {k: Tensor(k, tuple(a.shape), np.dtype(a.dtype)) for k, a in inputs.items()}
    results = _run(graph, closed, [*arguments, *tensors.values()])
    full = [
        graph.expanded(_as_tensor(graph, x), v.aval.shape)
        for x, v in zip(results, closed.jaxpr.outvars, strict=True)
    ]
    return graph.finish(tensors, dict(zip(outputs, full, strict=True)))


def _run(graph: Graph, closed: ClosedJaxpr, arguments: list) -> list:
    """Writes a program into the graph.

    Values are tensors of the graph, or NumPy arrays where they depend on neither weights nor
    inputs.
    """
    jaxpr: Jaxpr = closed.jaxpr
    values = dict(zip(jaxpr.constvars, (np.asarray(c) for c in closed.consts), strict=True))
    values |= dict(zip(jaxpr.invars, arguments, strict=True))

    def read(variable):
        if isinstance(variable, Literal):
            return np.asarray(variable.val, variable.aval.dtype)
        return values[variable]

    gelus = Gelus(jaxpr)
    for eqn in jaxpr.eqns:
        x = gelus.argument(eqn)
        if x is not None:
            results = [_gelu(graph, _as_tensor(graph, values[x]))]
        else:
            results = _equation(graph, eqn, [read(v) for v in eqn.invars])
        values |= dict(zip(eqn.outvars, results, strict=True))
    return [read(v) for v in jaxpr.outvars]


def _equation(graph: Graph, eqn, operands: list) -> list:
    name = eqn.primitive.name
    if name in _CALLS and eqn.params.get("name") in NAMED:
        tensors = list(map(partial(_as_tensor, graph), operands))
        result = NAMED[eqn.params["name"]](graph, tensors, eqn)
        if result is not None:
            return [result]
    if name in _CALLS:
        inner = eqn.params.get("jaxpr", eqn.params.get("call_jaxpr"))
        closed = inner if isinstance(inner, ClosedJaxpr) else ClosedJaxpr(inner, ())
        return _run(graph, closed, operands)
    known = all(isinstance(x, np.ndarray) for x in operands)
    if known and all(v.aval.size <= _MAX_FOLDED for v in eqn.outvars):
        evaluated = eqn.primitive.bind(*operands, **eqn.params)
        several = eqn.primitive.multiple_results
        return [np.asarray(x) for x in (evaluated if several else [evaluated])]
    if name not in RULES:
        raise UnsupportedOperationError(f"operation {name!r} cannot be exported to ONNX")
    tensors = list(map(partial(_as_tensor, graph), operands))
    results = RULES[name](graph, tensors, eqn)
    return results if isinstance(results, list) else [results]


def _gelu(graph: Graph, x: Tensor) -> Tensor:
    return graph.add("Gelu", [x], x.shape, x.dtype, approximate="tanh")


def _as_tensor(graph: Graph, value) -> Tensor:
    if not isinstance(value, np.ndarray):
        return value
    # Arrays of one value need not be stored: as tensors, they may be broadcast later.
    uniform = value.size > 1 and np.all(value == value.flat[0])
    return graph.constant(value.reshape(-1)[:1].reshape((1,) * value.ndim) if uniform else value)
