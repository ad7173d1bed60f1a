"""GELUs in a traced program: JAX spells them out, ONNX has one operation, ten times as fast."""

import math
from collections import Counter

import numpy as np
from jax.extend.core import Jaxpr, Literal, Var


class Gelus:
    """Where a program computes the tanh approximation, x/2 (1 + tanh(c (x + 0.044715 x^3)))."""

    def __init__(self, jaxpr: Jaxpr):
        """Reads the equations of a program."""
        self._made_by = {v: eqn for eqn in jaxpr.eqns for v in eqn.outvars}
        read = [v for eqn in jaxpr.eqns for v in eqn.invars] + list(jaxpr.outvars)
        self._uses = Counter(v for v in read if not isinstance(v, Literal))

    def argument(self, eqn) -> Var | None:
        """x, if an equation is the last one of a GELU in float32 whose others serve it only."""
        if eqn.primitive.name != "mul" or eqn.outvars[0].aval.dtype != np.float32:
            return None
        for x, rest in (eqn.invars, eqn.invars[::-1]):
            if not isinstance(x, Literal) and self._is_rest(x, rest):
                return x
        return None

    def _is_rest(self, x: Var, rest) -> bool:
        shifted = self._other(self._other(rest, "mul", 0.5), "add", 1.0)
        (inner,) = self._operands(shifted, "tanh") or (None,)
        total = self._operands(self._other(inner, "mul", math.sqrt(2 / math.pi)), "add")
        if total is None or x not in total:
            return False
        (cube,) = [v for v in total if v is not x] or (None,)
        cubed = self._made(self._other(cube, "mul", 0.044715), "integer_pow")
        return cubed is not None and cubed.invars[0] is x and cubed.params["y"] == 3

    def _other(self, variable, name: str, factor: float):
        """What a constant was added to, or multiplied with."""
        operands = self._operands(variable, name) or ()
        known = [
            isinstance(v, Literal) and math.isclose(v.val, factor, rel_tol=1e-6) for v in operands
        ]
        return operands[known.index(False)] if sorted(known) == [False, True] else None

    def _operands(self, variable, name: str) -> list | None:
        made = self._made(variable, name)
        return None if made is None else made.invars

    def _made(self, variable, name: str):
        """The equation of a name whose result a variable is, if that is used once."""
        if variable is None or isinstance(variable, Literal) or self._uses[variable] != 1:
            return None
        made = self._made_by.get(variable)
        return made if made is not None and made.primitive.name == name else None
