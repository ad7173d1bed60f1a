"""A network cut into segments at its `picture_sums`, to be run on regions side by side.

A segment ends where a sum over tokens is known for its region, and the next one starts from the
total over all regions. What lives across the cut is found in the traced program, so the network
itself is written, and trained, as one function.
"""

from collections.abc import Callable

import jax
from jax.extend.core import ClosedJaxpr, Jaxpr, Literal, Var, jaxpr_as_fun


def cut_into_segments(function: Callable, params, *inputs) -> list[Callable]:
    """Segments of `function(params, *inputs) -> array`, to be compiled one by one.

    Args:
      function: marks each of its sums over tokens by `picture_sums`.
      params, inputs: arrays or `jax.ShapeDtypeStruct`s.

    Returns:
      n + 1 functions for n sums. The first takes (params, *inputs), the others
      (params, total, *state); the last returns (array,), the others (sums, *state).
    """
    from pqmim_jax.models.layers.picture_sums import NAME  # a cached program needs no models

    closed = jax.make_jaxpr(function)(params, *inputs)
    jaxpr = closed.jaxpr
    given = jaxpr.invars[: len(jax.tree.leaves(params))]
    names = [eqn.params["name"] if eqn.primitive.name == "name" else "" for eqn in jaxpr.eqns]
    segments, start, entry = [], 0, list(jaxpr.invars[len(given) :])
    for cut in (i for i, name in enumerate(names) if name == NAME):
        mark = jaxpr.eqns[cut]
        state = _state(jaxpr, cut, known=set(given) | set(jaxpr.constvars))
        part = given + entry, jaxpr.eqns[start:cut], [*mark.invars, *state]
        segments.append(_function(closed, *part))
        start, entry = cut + 1, [*mark.outvars, *state]
    segments.append(_function(closed, given + entry, jaxpr.eqns[start:], jaxpr.outvars))
    return segments


def _state(jaxpr: Jaxpr, cut: int, known: set[Var]) -> list[Var]:
    """What is computed before equation `cut` and used after it, in order of first use."""
    later = {v for eqn in jaxpr.eqns[cut:] for v in eqn.outvars}
    used = [v for eqn in jaxpr.eqns[cut + 1 :] for v in eqn.invars] + list(jaxpr.outvars)
    alive = dict.fromkeys(v for v in used if not isinstance(v, Literal))
    return [v for v in alive if v not in later and v not in known]


def _function(closed: ClosedJaxpr, invars: list, eqns: list, outvars: list) -> Callable:
    """`eqns` as a function (params, *arrays) -> tuple; arrays are the rest of `invars`."""
    nameless = closed.jaxpr.debug_info._replace(arg_names=None, result_paths=None)
    part = closed.jaxpr.replace(invars=invars, eqns=eqns, outvars=outvars, debug_info=nameless)
    run = jaxpr_as_fun(ClosedJaxpr(part, closed.consts))
    return lambda params, *arrays: tuple(run(*jax.tree.leaves(params), *arrays))
