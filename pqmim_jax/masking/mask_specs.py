"""Training masks by name: a ratio, how much is known, times a support, what is known together.

    spec    = ratio [ "*" support ]                                      (support: tokens if none)
    ratio   = uniform | power(exponent=2.2) | cosine | arccos | beta(a=2,b=1)
            | gaussian(mean=0.55,std=0.25,low=0.5,high=1) | fixed(ratio=0.75)
    support = tokens | indices | blocks(size=4) | half_planes | stages

Ratios are distributions of the masked share, except that of `power`, which says what is known;
see `ratios` and `supports` for what each one means. Both are drawn for each example.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import jax

from pqmim_jax.masking import ratios, supports
from pqmim_jax.masking.terms import parse_term, split_terms

RATIOS = {
    "uniform": ratios.uniform,
    "power": ratios.power,
    "cosine": ratios.cosine,
    "arccos": ratios.arccos,
    "beta": ratios.beta,
    "gaussian": ratios.gaussian,
    "fixed": ratios.fixed,
}
SUPPORTS = {
    "tokens": supports.tokens,
    "indices": supports.indices,
    "blocks": supports.blocks,
    "half_planes": supports.half_planes,
    "stages": supports.stages,
}
_DEFAULTS = {
    **{name: {} for name in (*RATIOS, *SUPPORTS)},
    "power": {"exponent": "2.2"},
    "beta": {"a": "2", "b": "1"},
    "gaussian": {"mean": "0.55", "std": "0.25", "low": "0.5", "high": "1"},
    "fixed": {"ratio": "0.75"},
    "blocks": {"size": "4"},
}
_LIMITS = {
    "exponent": (0.001, 1000),
    "a": (0.01, 100),
    "b": (0.01, 100),
    "mean": (-1, 2),
    "std": (0.01, 10),
    "low": (0, 1),
    "high": (0, 1),
    "ratio": (0, 1),
    "size": (1, 256),
}


@dataclass(frozen=True)
class MaskSpec:
    """A parsed spec."""

    ratio: Callable  # (key, batch) -> known share (B, 1, 1, 1)
    support: Callable  # (key, share, stage_map) -> known (B, h, w, M) bool
    text: str  # the one spelling of it, defaults filled in

    def known(self, key: jax.Array, batch: int, stage_map: jax.Array) -> jax.Array:
        """Draws one mask an example: (B, h, w, M) bool, true where an index is known."""
        ratio_key, support_key = jax.random.split(key)
        return self.support(support_key, self.ratio(ratio_key, batch), stage_map)


def parse_mask(spec: str) -> MaskSpec:
    """Reads a spec, see the module's docstring.

    Raises:
      ValueError: not a spec; the message lists what is allowed.
    """
    terms = split_terms(spec, "training mask")
    if len(terms) > 2:
        raise ValueError(f"a training mask is RATIO or RATIO*SUPPORT, with one '*', not {spec!r}")
    ratio, ratio_text = _parse(terms[0], "mask ratio", RATIOS)
    text = terms[1] if len(terms) == 2 else "tokens"
    support, support_text = _parse(text, "mask support", SUPPORTS)
    return MaskSpec(ratio, support, f"{ratio_text}*{support_text}")


def _parse(text: str, what: str, functions: dict[str, Callable]) -> tuple[Callable, str]:
    name, texts = parse_term(text, what, {each: _DEFAULTS[each] for each in functions})
    values = {key: _value(key, value) for key, value in texts.items()}
    if values.get("low", 0) >= values.get("high", 1):
        raise ValueError(f"low must be below high, got {values['low']:g} and {values['high']:g}")
    inside = ",".join(f"{key}={value:.10g}" for key, value in values.items())
    return partial(functions[name], **values), f"{name}({inside})" if inside else name


def _value(key: str, text: str) -> float | int:
    low, high = _LIMITS[key]
    kind = int if key == "size" else float
    try:
        value = kind(text)
    except ValueError:
        value = math.nan
    if not low <= value <= high:
        noun = "an integer" if kind is int else "a number"
        raise ValueError(f"{key} must be {noun} from {low} to {high}, not {text!r}")
    return value
