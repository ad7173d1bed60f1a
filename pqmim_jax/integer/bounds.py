"""No number of an integer MIM leaves the range in which float32 holds it: shown for given weights.

For every place of `integer.network` where numbers are added or multiplied, the largest magnitude
that any indices could lead to is computed, in units of the smallest step that occurs there.
Activations count as whatever their type holds (128), never as what calibration saw.
"""

from collections.abc import Iterator

import numpy as np

from pqmim_jax.coding import MAX_ALPHABET, MAX_FIXED_LOGIT
from pqmim_jax.integer.arithmetic import RESIDUAL_TOP, ZERO
from pqmim_jax.integer.network import GELU_ENTRIES, mean_constants, square_top
from pqmim_jax.model_store import ModelError

LIMIT = 2**24
"""Integers up to this magnitude are exact in float32."""


def check(tree: dict, side: int) -> float:
    """Shows that every number is exact.

    Args:
      tree: of integer arrays, as `conversion` makes it.
      side: tokens of a window with its halo.

    Returns:
      The largest bound, at most LIMIT.

    Raises:
      ModelError: a bound is larger, or the tree is not one of a MIM; names the place.
    """
    largest = 0.0
    try:
        for place, bound in places(tree, side):
            if not bound <= LIMIT:
                raise ModelError(f"{place}: numbers of its sums could reach {bound:.4g}")
            largest = max(largest, bound)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        raise error if isinstance(error, ModelError) else ModelError(f"MIM: {error!r}") from error
    return largest


def places(tree: dict, side: int) -> Iterator[tuple[str, float]]:
    """(name, bound) of each place, in the order of the computation."""
    channels = len(tree["stem"]["bias"])
    yield from _layer("stem", tree["stem"])
    if "quality" in tree:
        yield from _quality(tree["quality"]["embedding"], tree["stem"], len(tree["embedding"]))
    for name in sorted(key for key in tree if key.startswith("block_")):
        block = tree[name]
        if "attention" in block:
            yield from _read(f"{name}/attention_read", block["attention_read"], channels)
            yield from _attention(f"{name}/attention", block["attention"], side * side)
        yield from _read(f"{name}/local_read", block["local_read"], channels)
        yield from _local(f"{name}/local", block["local"])
        yield from _read(f"{name}/mlp_read", block["mlp_read"], channels)
        yield from _layer(f"{name}/expand", block["expand"])
        yield from _table(f"{name}/gelu", block.get("gelu"))
        yield from _layer(f"{name}/contract", block["contract"])
    yield from _read("read", tree["read"], channels)
    head = tree["head"]
    yield from _layer("head/hidden", head["hidden"])
    yield from _table("head/gelu", head.get("gelu"))
    yield from _layer("head/output", head["output"])
    output = head["output"]
    if output["weights"].shape[-1] > MAX_ALPHABET:
        raise ModelError(f"head/output: more than {MAX_ALPHABET} codewords")
    logits = _sums(output) * np.exp2(-output["shift"].astype(float))
    yield "head/output: logits", float(logits.max()) * (LIMIT / MAX_FIXED_LOGIT)


def _layer(name: str, p: dict) -> Iterator[tuple[str, float]]:
    _integers(name, p)
    yield name, float(_sums(p).max())


def _quality(table: np.ndarray, stem: dict, count: int) -> Iterator[tuple[str, float]]:
    """What the stem gives, rounded to units of the residual stream, plus a row of the table."""
    shape = (count, len(stem["bias"]))
    if table.dtype != np.int16 or table.shape != shape:
        raise ModelError(f"quality/embedding: not {shape} values of 16 bits")
    rounded = np.ceil(_sums(stem) * np.exp2(-stem["shift"].astype(float)))
    yield "quality", float((rounded + np.abs(table.astype(np.int64)).max(0)).max())


def _sums(p: dict) -> np.ndarray:
    """Largest sum with its bias of each channel, in its smallest step."""
    weights = np.abs(p["weights"].astype(np.int64)).sum(-2)
    return weights * ZERO + np.abs(p["bias"].astype(np.int64))


def _local(name: str, p: dict) -> Iterator[tuple[str, float]]:
    _integers(name, p)
    taps = np.abs(p["weights"].astype(np.int64)).sum((0, 1)) * ZERO
    offsets = np.abs(p["offset"].astype(np.int64)).sum((0, 1)) if "offset" in p else 0
    yield name, float((taps + np.abs(p["bias"].astype(np.int64)) + offsets).max())


def _attention(name: str, p: dict, tokens: int) -> Iterator[tuple[str, float]]:
    yield from _layer(f"{name}/qkv", p["qkv"])
    heads = p["position_bias"].shape[-1]
    width = p["qkv"]["weights"].shape[1] // 3 // heads
    shift = _shift(f"{name}/logits", p["logits"]["shift"])
    bias = np.abs(p["position_bias"].astype(np.int64)).max() * 2.0**shift
    # The largest less another one: twice as much.
    yield f"{name}/logits", float(2 * (width * ZERO * ZERO + bias))
    table = p["exponential"].astype(np.int64) + ZERO
    top = int(table[-1])
    if table.min() < 0 or top < ZERO - 1 or top != table.max() or len(table) > 256:
        raise ModelError(f"{name}/exponential: not a rising table to 127 or more")
    yield f"{name}/sums", float(tokens * max(top, ZERO) * ZERO)
    yield f"{name}/values", float(tokens * ZERO * ZERO)
    # A sum of at most the weights' own sum times 128, brought to [256, 512) by the latter.
    reciprocal = np.abs(p["mean"]["reciprocal"].astype(np.int64)).max()
    _shift(f"{name}/mean", p["mean"]["shift"])
    yield f"{name}/mean", float(512 * ZERO * reciprocal)
    yield from _layer(f"{name}/projection", p["projection"])


def _read(name: str, p: dict, channels: int) -> Iterator[tuple[str, float]]:
    _shift(name, p["shift"])
    if "rsqrt" not in p:
        yield name, float(RESIDUAL_TOP)
        return
    _shift(name, p["variance"]["shift"])
    yield f"{name}/sum", float(channels * RESIDUAL_TOP)
    if channels & (channels - 1):
        shift, factor, _ = mean_constants(channels)
        yield f"{name}/mean", float((channels * RESIDUAL_TOP / 2**shift + 1) * factor)
    yield f"{name}/squares", float(channels * square_top(channels) ** 2)
    table = p["rsqrt"].astype(np.int64)
    if table.shape != (768,) or table.min() < 0:
        raise ModelError(f"{name}/rsqrt: not a table of 768 entries from 0 on")
    yield f"{name}/gain", float((2 * RESIDUAL_TOP + 2) * table.max())


def _table(name: str, table: np.ndarray | None) -> Iterator[tuple[str, float]]:
    if table is not None:
        if table.shape != (GELU_ENTRIES,) or table.dtype != np.int8:
            raise ModelError(f"{name}: not {GELU_ENTRIES} values of 8 bits")
        yield name, float(GELU_ENTRIES)


def _integers(name: str, p: dict) -> None:
    dtypes = {"weights": np.int8, "shift": np.int8, "bias": np.int32}
    for key, dtype in dtypes.items():
        if p[key].dtype != dtype:
            raise ModelError(f"{name}/{key}: {p[key].dtype} instead of {np.dtype(dtype)}")
    _shift(name, p["shift"])


def _shift(name: str, shift: np.ndarray) -> float:
    values = np.asarray(shift, np.int64)
    if values.min() < -64 or values.max() > 64:
        raise ModelError(f"{name}/shift: {values.min()} to {values.max()}")
    return float(values.max())
