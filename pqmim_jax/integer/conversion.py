"""A trained MIM as integers, without further training.

Activations get 8 bits and one scale each, chosen by what calibration has seen; embeddings one for
each dimension, which kernels behind them take up. Weights get one scale for each output channel:
not the one that uses their range best but the largest below it for which the layer's sums need a
shift only, scale of the outputs / scale of the inputs * 2**-shift. What normalisation multiplies
and adds (its scale and bias) goes into the layers behind it. What is added for the quality is in
whole units of the residual stream, 16 bits.
"""

import math

import numpy as np

from pqmim_jax.coding import LOGIT_FRACTION_BITS
from pqmim_jax.integer.arithmetic import RESIDUAL_TOP, TOP, ZERO
from pqmim_jax.integer.calibration import Statistics
from pqmim_jax.integer.exponentials import sigmoid_table
from pqmim_jax.integer.network import GELU_ENTRIES, square_top

_HEADROOM = 1.5  # of the residual stream over the peak in calibration
_LOGITS_PER_NAT = 11.0  # least steps of an attention logit; the most are twice as many
_MOST_SHIFT = 23
_MIDDLE = GELU_ENTRIES // 2  # where tables of GELU have 0
# Weights of the trunk's blocks have 7 bits: where a processor adds two products of unsigned by
# signed bytes in 16 bits, 2 * 255 * 64 still fits, so that the fastest products are exact on all of
# them. The layers that see embeddings, and the head's, are few and need all 8.
_BLOCK_TOP = 64


class Converter:
    """Integers of one MIM."""

    def __init__(self, params: dict, found: Statistics, heads: int, window: int):
        """Prepares the conversion.

        Args:
          params: of a `models.MaskedImageModel`.
          found: by `calibration.observe`.
          heads: of attention.
          window: tokens a side of a window with halo.
        """
        self._params, self._found, self._heads = params, found, heads
        self._tokens = window * window
        self._largest_weight = 255 if self._tokens * 255 * TOP < 2**24 else 127  # of attention
        self._unit = found.peaks["residual"] * _HEADROOM / RESIDUAL_TOP
        # One scale for each dimension of each table: kernels take them up.
        tables = np.float64(params["embedding"]["tables"])
        self._steps = np.maximum(np.abs(tables).max(1), 1e-6) / TOP  # (M, e)

    def convert(self) -> dict:
        """The tree of integer arrays that `network.carried` takes."""
        p, stem = self._params, self._params["stem"]
        tree = {
            "embedding": _rounded(np.float64(p["embedding"]["tables"]) / self._steps[:, None]),
            "stem": layer(stem["kernel"] * self._steps.reshape(-1, 1), stem["bias"], 1, self._unit),
        }
        if "quality" in p:
            units = np.rint(np.float64(p["quality"]["embedding"]) / self._unit)
            units = np.clip(units, -RESIDUAL_TOP, RESIDUAL_TOP)
            tree["quality"] = {"embedding": units.astype(np.int16)}
        for i in range(sum(name.startswith("block_") for name in p)):
            tree[f"block_{i}"] = self._block(p[f"block_{i}"], f"block_{i}/")
        tree["read"], scale = self._read("read")
        tree["head"] = self._head(p["head"], p.get("norm"), scale)
        return tree

    @property
    def _lean(self) -> bool:
        return "norm" not in self._params

    def _block(self, p: dict, name: str) -> dict:
        return self._lean_block(p, name) if self._lean else self._plain_block(p, name)

    def _lean_block(self, p: dict, name: str) -> dict:
        tree = {}
        if "attention" in p:
            tree["attention_read"], scale = self._read(f"{name}attention_read")
            attention = _scaled(p["attention"], "projection", p["attention_scale"])
            tree["attention"] = self._attention(attention, None, scale, name)
        tree["local_read"], scale = self._read(f"{name}local_read")
        gain = np.float64(p["local_scale"])
        local = {key: np.float64(value) * gain for key, value in p["local"].items()}
        tree["local"] = self._local(local, None, scale)
        tree["mlp_read"], scale = self._read(f"{name}mlp_read")
        activated = self._found.scale(f"{name}activated", 255)
        expand = p["expand"]
        tree["expand"] = layer(expand["kernel"], expand["bias"], scale, activated, top=_BLOCK_TOP)
        contract = _scaled(p, "contract", p["mlp_scale"])["contract"]
        tree["contract"] = rectified_layer(contract, activated, self._unit, top=_BLOCK_TOP)
        return tree

    def _plain_block(self, p: dict, name: str) -> dict:
        tree = {}
        tree["attention_read"], scale = self._read(f"{name}attention_read")
        tree["attention"] = self._attention(p["attention"], p["attention_norm"], scale, name)
        tree["local_read"], scale = self._read(f"{name}local_read")
        tree["local"] = self._local(p["local"], p["local_norm"], scale)
        tree["mlp_read"], scale = self._read(f"{name}mlp_read")
        hidden = self._found.scale(f"{name}hidden", _MIDDLE - 1)
        activated = self._found.scale(f"{name}activated", TOP)
        kernel, bias = absorbed(p["mlp"]["expand"], p["mlp_norm"])
        tree["expand"] = layer(kernel, bias + _MIDDLE * hidden, scale, hidden, top=_BLOCK_TOP)
        tree["gelu"] = gelu_table(hidden, activated)
        contract = p["mlp"]["contract"]
        tree["contract"] = layer(
            contract["kernel"], contract["bias"], activated, self._unit, top=_BLOCK_TOP
        )
        return tree

    def _read(self, name: str) -> tuple[dict, float]:
        """Normalisation, and the scale of its result."""
        channels = len(self._params["stem"]["bias"])
        scale = self._found.scale(name, TOP)
        if self._lean:
            shift = max(0, round(math.log2(scale / self._unit)))
            return {"shift": np.int8(shift)}, self._unit * 2**shift
        peak = self._found.peaks[f"{name}/deviation"] / self._unit
        variance = max(0, math.ceil(math.log2(peak / square_top(channels))))
        factor = math.sqrt(channels) / (2**variance * scale)
        shift = math.floor(math.log2(255 / factor))
        entries = np.sqrt(256 / (np.arange(256, 1024) + 0.5))
        table = np.rint(np.minimum(factor * 2**shift * entries, 255)).astype(np.int16)
        tree = {"variance": {"shift": np.int8(variance)}, "shift": np.int8(shift), "rsqrt": table}
        return tree, scale

    def _attention(self, p: dict, norm: dict | None, scale: float, name: str) -> dict:
        kernel, bias = absorbed(p["qkv"], norm)
        q, k, v = (self._found.scale(name + part, TOP) for part in "qkv")
        attended = self._found.scale(f"{name}attended", TOP)
        channels = kernel.shape[1] // 3
        # Steps of a logit are such that sums of q * k need a shift only.
        exact = q * k / math.sqrt(channels // self._heads)
        shift = math.floor(-math.log2(exact * _LOGITS_PER_NAT))
        per_nat = 2.0**-shift / exact
        projection, table = p["projection"], sigmoid_table(per_nat, self._largest_weight)
        return {
            "qkv": layer(kernel, bias, scale, np.repeat([q, k, v], channels), top=_BLOCK_TOP),
            "logits": {"shift": np.int8(shift)},
            "position_bias": np.rint(np.float64(p["relative_bias"]) * per_nat).astype(np.int16),
            "exponential": (table - ZERO).astype(np.int8),
            "mean": _reciprocal(v / attended),
            "projection": layer(
                projection["kernel"], projection["bias"], attended, self._unit, top=_BLOCK_TOP
            ),
        }

    def _local(self, p: dict, norm: dict | None, scale: float) -> dict:
        kernel = np.float64(p["kernel"])
        if norm is None:
            return layer(kernel, p["bias"], scale, self._unit, inputs=(0, 1))
        gain, bias = (np.float64(norm[part]) for part in ("scale", "bias"))
        tree = layer(kernel * gain, p["bias"], scale, self._unit, inputs=(0, 1))
        unit = np.exp2(np.float64(tree["shift"]))
        offset = np.rint(kernel * bias / self._unit * unit).astype(np.int32)
        tree["bias"] = tree["bias"] + offset.sum((0, 1), dtype=np.int32)
        return {**tree, "offset": offset}

    def _head(self, p: dict, norm: dict | None, scale: float) -> dict:
        context, bias = absorbed({"kernel": p["context"], "bias": p["hidden_bias"]}, norm)
        count = len(context)
        # Inputs of two scales share one sum: kernels are brought to that of the context.
        kernels = [context]
        if "token" in p:
            before = np.arange(count) < np.arange(count)[:, None]
            token = np.float64(p["token"]) * before[:, :, None, None]
            token *= self._steps[:, :, None] / scale
            kernels.append(token.reshape(count, -1, token.shape[-1]))
        kernel, step = np.concatenate(kernels, axis=1), 2.0**-LOGIT_FRACTION_BITS
        output = {"kernel": p["output"], "bias": p["output_bias"]}
        if self._lean:
            activated = self._found.scale("activated", 255)
            return {
                "hidden": layer(kernel, bias, scale, activated, inputs=(1,)),
                "output": rectified_layer(output, activated, step, inputs=(1,)),
            }
        hidden = self._found.scale("hidden", _MIDDLE - 1)
        activated = self._found.scale("activated", TOP)
        return {
            "hidden": layer(kernel, bias + _MIDDLE * hidden, scale, hidden, inputs=(1,)),
            "gelu": gelu_table(hidden, activated),
            "output": layer(output["kernel"], output["bias"], activated, step, inputs=(1,)),
        }


def layer(kernel, bias, scale_in, scale_out, inputs: tuple = (0,), top: int = TOP) -> dict:
    """Integers of a linear layer.

    Args:
      kernel: float, summed over the axes `inputs`; one channel for each place of the others.
      bias: float, of the kernel's other axes.
      scale_in, scale_out: steps of its inputs and outputs; `scale_out` may be one a channel.
      top: largest magnitude of a weight.

    Returns:
      `weights` int8, `shift` int8 and `bias` int32 for each channel.
    """
    kernel, bias = np.float64(kernel), np.float64(bias)
    ratio = np.asarray(scale_out / np.float64(scale_in))
    largest = np.maximum(np.abs(kernel).max(inputs), 1e-9)
    shift = np.clip(np.floor(np.log2(top * ratio / largest)), 0, _MOST_SHIFT)
    step = np.expand_dims(ratio * np.exp2(-shift), inputs)
    weights = np.clip(np.rint(kernel / step), -top, top)
    whole = np.rint(bias / scale_out * np.exp2(shift))
    return {
        "weights": weights.astype(np.int8),
        "shift": shift.astype(np.int8),
        "bias": whole.astype(np.int32),
    }


def rectified_layer(dense: dict, scale_in, scale_out, inputs: tuple = (0,), top: int = TOP) -> dict:
    """`layer` behind a rectifier, whose outputs are ZERO less than they are meant."""
    tree = layer(dense["kernel"], dense["bias"], scale_in, scale_out, inputs, top)
    whole = tree["weights"].sum(inputs, dtype=np.int32)
    return {**tree, "bias": tree["bias"] + np.int32(ZERO) * whole}


def _scaled(p: dict, name: str, gain) -> dict:
    """Parameters with the outputs of a dense layer among them multiplied."""
    dense = {key: np.float64(value) * np.float64(gain) for key, value in p[name].items()}
    return {**p, name: dense}


def absorbed(dense: dict, norm: dict | None) -> tuple[np.ndarray, np.ndarray]:
    """Kernel (..., C, n) and bias (..., n) of a layer, for inputs that `norm` has not scaled."""
    kernel, bias = np.float64(dense["kernel"]), np.float64(dense["bias"])
    if norm is None:
        return kernel, bias
    gain, added = (np.float64(norm[part]) for part in ("scale", "bias"))
    return kernel * gain[:, None], bias + added @ kernel


def gelu_table(scale_in: float, scale_out: float) -> np.ndarray:
    """(GELU_ENTRIES,) int8: entry i is for values from i - 512 to i - 511 steps."""
    x = (np.arange(GELU_ENTRIES) - _MIDDLE + 0.5) * scale_in
    inner = math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)
    return _rounded(0.5 * x * (1 + np.tanh(inner)) / scale_out)


def _reciprocal(ratio: float) -> dict:
    """Table of ratio / (256 .. 511), and its shift."""
    inverse = ratio / (np.arange(256, 512) + 0.5)
    shift = math.floor(math.log2(255 / inverse.max()))
    return {"shift": np.int8(shift), "reciprocal": np.rint(inverse * 2**shift).astype(np.int16)}


def _rounded(x: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(x), -TOP, TOP).astype(np.int8)
