"""A traced program evaluated in float64 instead of float32: the same, if float32 rounds nothing."""

import jax
import numpy as np
from jax.extend.core import ClosedJaxpr, Literal


def evaluated(function, *arguments):
    """Results of function(*arguments) with 53 bits for every float, and the largest float met."""
    closed = jax.make_jaxpr(function)(*arguments)
    with jax.enable_x64(True):
        flat = [widened(a) for a in jax.tree.leaves(arguments)]
        return run(closed, flat)


def widened(value):
    value = np.asarray(value)
    return value.astype(np.float64) if value.dtype == np.float32 else value


def run(closed: ClosedJaxpr, arguments):
    values = dict(zip(closed.jaxpr.constvars, map(widened, closed.consts), strict=True))
    values |= dict(zip(closed.jaxpr.invars, arguments, strict=True))

    def read(variable):
        if isinstance(variable, Literal):
            return widened(np.asarray(variable.val, variable.aval.dtype))
        return values[variable]

    for eqn in closed.jaxpr.eqns:
        operands = [read(v) for v in eqn.invars]
        results = equation(eqn, operands)
        values |= dict(zip(eqn.outvars, results, strict=True))
    return [read(v) for v in closed.jaxpr.outvars]


def equation(eqn, operands):
    if eqn.primitive.name in ("jit", "pjit"):
        return run(eqn.params["jaxpr"], operands)
    params = dict(eqn.params)
    if eqn.primitive.name == "convert_element_type" and params["new_dtype"] == np.float32:
        return [operands[0].astype(np.float64)]
    out = eqn.primitive.bind(*map(jax.numpy.asarray, operands), **params)
    return [np.asarray(x) for x in (out if eqn.primitive.multiple_results else [out])]
