"""The MIM in exact integers: what `models.mim` computes, from parameters that `conversion` made."""

import functools
import math
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from pqmim_jax.integer.arithmetic import (
    RESIDUAL_TOP,
    ZERO,
    channel_sum,
    depthwise_sum,
    exponential,
    inverse_power,
    look_up,
    rectified_int8,
    scaled_product,
    take_rows,
    to_int8,
)

GELU_ENTRIES = 1024
"""Of a table of GELU: hidden values from -512 to 511 of their scale, to which biases add 512."""


def carried(stored: dict) -> dict:
    """Parameters as the network takes them, of the integers in a model folder.

    Args:
      stored: tree of integer arrays. A layer has `weights` int8, and for each output channel
        `shift` and `bias`, both integers: its sums are (a @ weights + bias) * 2**-shift.

    Returns:
      the same tree, `shift` replaced by `scale` = 2**-shift, `bias` in its units; float32, NumPy.
    """
    tree = {}
    for name, value in stored.items():
        if isinstance(value, dict):
            tree[name] = carried(value)
        elif name == "shift":
            tree["scale"] = np.exp2(-value.astype(np.float32))
        elif name in ("bias", "offset") and "shift" in stored:
            unit = np.exp2(-stored["shift"].astype(np.float64))
            tree[name] = (value * unit).astype(np.float32)
        elif value.dtype == np.int8:
            tree[name] = value
        else:
            tree[name] = value.astype(np.float32)
    return tree


def expanded_biases(table: np.ndarray) -> np.ndarray:
    """(2h-1, 2w-1, heads) offsets of a square window -> (heads, h*w, h*w), query by key."""
    n = (len(table) + 1) // 2
    offsets = np.arange(n)[:, None] - np.arange(n) + n - 1
    pairs = table[offsets[:, None, :, None], offsets[None, :, None, :]]
    return np.ascontiguousarray(pairs.reshape(n * n, n * n, -1).transpose(2, 0, 1))


def laid_out(params: dict, side: int) -> dict:
    """`carried` parameters of a trunk for windows of side x side tokens.

    Position biases of attention are laid out by pair, biases of local filters by place: at the
    window's edge fewer taps see what the layer before adds to each channel.
    """
    tree: dict = {"one": np.float32(1)} if "stem" in params else {}
    for name, value in params.items():
        if not isinstance(value, dict):
            tree[name] = expanded_biases(value) if name == "position_bias" else value
        elif "offset" in value:
            rest = {key: array for key, array in value.items() if key != "offset"}
            tree[name] = {**rest, "bias": value["bias"] - _missing(value["offset"], side)}
        else:
            tree[name] = laid_out(value, side)
    return tree


def _missing(offset: np.ndarray, side: int) -> np.ndarray:
    """(side, side, C): the sum of those taps (3, 3, C) that lie outside of a window."""
    outside = np.ones((side + 2, side + 2, 1), np.float32)
    outside[1:-1, 1:-1] = 0
    places = ((i, j) for i in range(3) for j in range(3))
    return sum(outside[i : i + side, j : j + side] * offset[i, j] for i, j in places)


@dataclass(frozen=True)
class IntegerMim:
    """Pure functions of (parameters, indices, quality); all results are integers."""

    heads: int
    depth: int

    def context(
        self, params: dict, visible: jax.Array, quality: jax.Array | None, halo: int
    ) -> jax.Array:
        """What the trunk knows of each token of a window.

        Args:
          params: of the trunk, `laid_out` for this window.
          visible: (side, side, M) int32, negative = masked.
          quality: int32 in 1..M; not looked at by a trunk without an embedding of it.
          halo: tokens on each side whose own results nobody asks for.

        Returns:
          (side - 2*halo, side - 2*halo, C) int8.
        """
        embedded = _embedded(params["embedding"], visible)
        x = jnp.round(_linear(embedded, params["stem"]))
        if "quality" in params:
            x = x + take_rows(params["quality"]["embedding"], quality - 1)
        x = _residual(x)
        if self.depth == 0:
            return _read(params["read"], _inner(x, halo))
        for i in range(self.depth):
            last = i == self.depth - 1
            x = self._block(params[f"block_{i}"], x, halo if last else 0, params["one"])
        return _read(params["read"], x)

    def fixed_logits(
        self, params: dict, context: jax.Array, known: jax.Array, m: jax.Array
    ) -> jax.Array:
        """Logits of sub-quantizer m at some tokens.

        Args:
          params: of the head.
          context: (T, C) int8 from `context`.
          known: (T, M) int32; only entries before m are looked at.
          m: scalar int32 in [0, M).

        Returns:
          (T, K) int32, in steps of 1/16 nat.
        """
        hidden, output = (
            {name: value[m] for name, value in params[layer].items()}
            for layer in ("hidden", "output")
        )
        inputs = context
        if hidden["weights"].shape[0] > context.shape[-1]:  # a head that sees the token
            embedded = _embedded(params["embedding"], known)
            inputs = jnp.concatenate([context, embedded], axis=-1)
        y = _activation(_linear(inputs, hidden), params)
        return jnp.round(_linear(y, output)).astype(jnp.int32)

    def _block(self, p: dict, x: jax.Array, cut: int, one: jax.Array) -> jax.Array:
        """(h, w, C) -> (h - 2*cut, w - 2*cut, C)."""
        # The local filter still needs a token on each side of what is asked for.
        edge, cut = max(cut - 1, 0), min(cut, 1)
        seen, x = x, _inner(x, edge)
        if "attention" in p:
            attended = self._attention(p["attention"], _read(p["attention_read"], seen), edge)
            x = _add(x, attended, one)
        y = _read(p["local_read"], x)
        y = jnp.pad(y, ((1 - cut, 1 - cut), (1 - cut, 1 - cut), (0, 0)))
        x = _inner(x, cut)
        local, bias = p["local"], p["local"]["bias"]
        if bias.ndim == 3:  # laid out by place
            bias = _inner(bias, (bias.shape[0] - x.shape[0]) // 2)
        x = _add(x, depthwise_sum(y, local["weights"]) * local["scale"] + bias, one)
        y = _activation(_linear(_read(p["mlp_read"], x), p["expand"]), p)
        return _add(x, _linear(y, p["contract"]), one)

    def _attention(self, p: dict, y: jax.Array, edge: int) -> jax.Array:
        """(h, w, C) int8 -> (h - 2*edge, w - 2*edge, C) float32: the branch, to be added."""
        h, w, channels = y.shape
        qkv = to_int8(_linear(y.reshape(h * w, channels), p["qkv"]))
        q, k, v = qkv.reshape(h * w, 3, self.heads, -1).transpose(1, 2, 0, 3)
        q = _queries(q, h, w, edge)
        bias = _queries(p["position_bias"], h, w, edge)
        zero = jnp.zeros((), jnp.float32)
        logits = scaled_product(q, k.transpose(0, 2, 1), p["logits"]["scale"], zero) + bias
        weights = exponential(p["exponential"], logits - jnp.max(logits, axis=-1, keepdims=True))
        out = _weighted_mean(weights, v, p["mean"])
        out = out.transpose(1, 0, 2).reshape(h - 2 * edge, w - 2 * edge, channels)
        return _linear(out, p["projection"])


def _queries(x: jax.Array, h: int, w: int, edge: int) -> jax.Array:
    """Rows of (heads, h*w, n) that belong to inner tokens."""
    if edge == 0:
        return x
    grid = x.reshape(x.shape[0], h, w, x.shape[-1])
    return grid[:, edge : h - edge, edge : w - edge].reshape(x.shape[0], -1, x.shape[-1])


def _weighted_mean(weights: jax.Array, v: jax.Array, p: dict) -> jax.Array:
    """Sum of weights * values over the sum of weights, in the scale of what follows.

    Args:
      weights: (heads, q, n) int8, each ZERO less than it is meant.
      v: (heads, n, d) int8.
      p: `reciprocal` (256,), `scale`.

    Returns:
      (heads, q, d) int8.
    """
    n, one, zero = weights.shape[-1], jnp.ones((), jnp.float32), jnp.zeros((), jnp.float32)
    ones = jnp.ones((*v.shape[:2], 1), jnp.int8)  # beside the values, to sum the weights
    sums = scaled_product(weights, jnp.concatenate([v, ones], axis=-1), one, zero)
    total = jnp.sum(v.astype(jnp.float32), axis=1, keepdims=True)
    numerator = sums[..., :-1] + ZERO * total
    denominator = sums[..., -1:] + float(ZERO * n)
    # To [256, 512), where a table of reciprocals has one entry for each whole number.
    power = inverse_power(denominator, 6, 1) * 4
    reciprocal = look_up(p["reciprocal"], denominator * power - 256.0)
    return to_int8(jnp.round(numerator * power) * (reciprocal * p["scale"]))


def _embedded(tables: jax.Array, indices: jax.Array) -> jax.Array:
    """(M, K+1, e) int8 and (..., M) int32, negative = masked -> (..., M*e) int8."""
    count, entries, width = tables.shape
    rows = jnp.where(indices < 0, entries - 1, indices) + jnp.arange(count) * entries
    found = take_rows(tables.reshape(count * entries, width), rows)
    return found.reshape(*indices.shape[:-1], -1)


def _linear(x: jax.Array, layer: dict) -> jax.Array:
    """(..., a) int8 -> (..., b) float32, not rounded."""
    flat = x.reshape(-1, x.shape[-1])
    y = scaled_product(flat, layer["weights"], layer["scale"], layer["bias"])
    return y.reshape(*x.shape[:-1], y.shape[-1])


def _activation(y: jax.Array, p: dict) -> jax.Array:
    """GELU by the table of `p`, else a rectifier: float32 -> int8."""
    if "gelu" not in p:
        return rectified_int8(y)
    return look_up(p["gelu"], jnp.clip(y, 0.0, GELU_ENTRIES - 1.0))


def _residual(x: jax.Array) -> jax.Array:
    return jnp.clip(x, -RESIDUAL_TOP, RESIDUAL_TOP)


def _add(x: jax.Array, branch: jax.Array, one: jax.Array) -> jax.Array:
    # `one` is 1, which XLA does not know. It takes sums for too cheap to be kept, and would compute
    # the whole chain of them anew wherever the stream is read; results of a division it keeps.
    return _residual(x + jnp.round(branch)) / one


def _inner(x: jax.Array, edge: int) -> jax.Array:
    return x[edge : x.shape[0] - edge, edge : x.shape[1] - edge] if edge else x


def _read(p: dict, x: jax.Array) -> jax.Array:
    """What a branch sees of the residual stream: (..., C) float32 -> int8.

    With a table of 1/sqrt it is normalised over its channels, else scaled.
    """
    if "rsqrt" not in p:
        return to_int8(x * p["scale"])
    channels = x.shape[-1]
    deviation = x - _mean(x)
    top = float(square_top(channels))
    small = jnp.clip(jnp.round(deviation * p["variance"]["scale"]), -top, top)
    squares = jnp.maximum(channel_sum(small * small), 1.0)
    half = inverse_power(squares, 0, 2)
    inverse = look_up(p["rsqrt"], squares * (half * half) * 256.0 - 256.0)
    gain = inverse * (half * p["scale"])
    return to_int8(deviation * gain)


def _mean(x: jax.Array) -> jax.Array:
    """Mean over channels, rounded; for other numbers than powers of two good to a few units."""
    channels = x.shape[-1]
    total = channel_sum(x)
    if channels & (channels - 1) == 0:
        return jnp.round(total * (1.0 / channels))
    shift, factor, back = mean_constants(channels)
    return jnp.round(jnp.round(total * 2.0**-shift) * (factor * 2.0**-back))


@functools.cache
def mean_constants(channels: int) -> tuple[int, int, int]:
    """(s, f, b): round(round(total / 2**s) * f / 2**b) is total / channels, f below 2**11."""
    shift = max(0, math.ceil(math.log2(channels * RESIDUAL_TOP)) - 12)
    back = 11 + math.floor(math.log2(channels / 2**shift))
    return shift, round(2 ** (back + shift) / channels), back


def square_top(channels: int) -> int:
    """Largest magnitude whose square, summed over the channels, stays below 2**24."""
    return min(255, math.isqrt((2**24 - 1) // channels))
