"""What a trained MIM computes on pictures, as far as scales of its integers depend on it."""

from collections import defaultdict
from dataclasses import dataclass, field

import jax
import numpy as np

_KEPT = 2**16  # values of each place that a scale is chosen by
_RATIOS = np.array((1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.42, 0.35, 0.3, 0.25, 0.2, 0.15, 0.12))


@dataclass
class Statistics:
    """Largest magnitudes and a sample of the values at each place of a network, by its name."""

    peaks: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    samples: dict[str, list] = field(default_factory=lambda: defaultdict(list))

    def note(self, name: str, values: np.ndarray, rng: np.random.Generator) -> None:
        """Adds values seen at a place."""
        flat = np.asarray(values, np.float32).ravel()
        self.peaks[name] = max(self.peaks[name], float(np.abs(flat).max()))
        self.samples[name].append(rng.choice(flat, min(len(flat), _KEPT // 8), replace=False))

    def scale(self, name: str, top: int) -> float:
        """The step with which integers within +-top lose least of what was seen there."""
        values = np.concatenate(self.samples[name]).astype(np.float64)
        steps = np.maximum(self.peaks[name] * _RATIOS, 1e-6) / top
        lost = [np.mean((np.clip(np.rint(values / s), -top, top) * s - values) ** 2) for s in steps]
        return float(steps[int(np.argmin(lost))])


def observe(
    mim,
    params: dict,
    visible: np.ndarray,
    indices: np.ndarray,
    qualities: np.ndarray,
    seed: int = 0,
) -> Statistics:
    """Statistics of a MIM over some windows.

    Args:
      mim: a `models.MaskedImageModel`.
      params: its parameters, float32.
      visible: (n, h, w, M) int32, -1 = masked: what the trunk sees.
      indices: (n, h, w, M) int32, -1 where there is none: what the head sees.
      qualities: (n,) int32, 1..M.
    """
    found, rng = Statistics(), np.random.default_rng(seed)

    @jax.jit
    def run(params, visible, quality):
        context, kept = mim.apply(
            {"params": params},
            visible[None],
            quality[None],
            method="context",
            capture_intermediates=True,
            mutable=["intermediates"],
        )
        return context, kept["intermediates"]

    for window, known, quality in zip(visible, indices, qualities, strict=True):
        context, kept = jax.tree.map(np.asarray, run(params, window, quality))
        note = _note_lean_trunk if mim.trunk == "lean" else _note_trunk
        note(found, params, kept, rng)
        tokens = known.reshape(-1, known.shape[-1])
        some = rng.choice(len(tokens), min(64, len(tokens)), replace=False)
        flat = context.reshape(-1, context.shape[-1])
        _note_head(found, params, flat[some], tokens[some], rng)
    return found


def _blocks(kept: dict) -> list[str]:
    return [f"block_{i}" for i in range(sum(name.startswith("block_") for name in kept))]


def _stem(kept: dict) -> np.ndarray:
    """The residual stream before the first block."""
    x = kept["stem"]["__call__"][0]
    return x + kept["quality"]["__call__"][0][:, None, None] if "quality" in kept else x


def _note_attention(found: Statistics, name: str, kept: dict, rng) -> np.ndarray:
    """What the branch adds."""
    for part, values in zip("qkv", np.split(kept["qkv"]["__call__"][0], 3, axis=-1), strict=True):
        found.note(f"{name}/{part}", values, rng)
    found.note(f"{name}/attended", kept["attended"][0], rng)
    return kept["__call__"][0]


def _note_lean_trunk(found: Statistics, params: dict, kept: dict, rng) -> None:
    x = _stem(kept)
    found.note("residual", x, rng)
    for name in _blocks(kept):
        block, p = kept[name], params[name]
        if "attention" in block:
            found.note(f"{name}/attention_read", x, rng)
            branch = _note_attention(found, name, block["attention"], rng)
            x = x + np.asarray(p["attention_scale"]) * branch
            found.note("residual", x, rng)
        found.note(f"{name}/local_read", x, rng)
        x = x + np.asarray(p["local_scale"]) * block["local"]["__call__"][0]
        found.note("residual", x, rng)
        found.note(f"{name}/mlp_read", x, rng)
        found.note(f"{name}/activated", np.maximum(block["expand"]["__call__"][0], 0), rng)
        x = x + np.asarray(p["mlp_scale"]) * block["contract"]["__call__"][0]
        found.note("residual", x, rng)
    found.note("read", x, rng)


def _note_trunk(found: Statistics, params: dict, kept: dict, rng) -> None:
    x = _stem(kept)
    found.note("residual", x, rng)
    for each in _blocks(kept):
        block, name = kept[each], f"{each}/"
        mlp = block["mlp"]
        _note_read(found, f"{name}attention_read", x, rng)
        x = x + _note_attention(found, each, block["attention"], rng)
        _note_read(found, f"{name}local_read", x, rng)
        x = x + block["local"]["__call__"][0]
        _note_read(found, f"{name}mlp_read", x, rng)
        hidden = mlp["expand"]["__call__"][0]
        found.note(name + "hidden", hidden, rng)
        found.note(name + "activated", np.asarray(jax.nn.gelu(hidden)), rng)
        x = x + mlp["__call__"][0]
        found.note("residual", x, rng)
    _note_read(found, "read", x, rng)


def _note_read(found: Statistics, name: str, x: np.ndarray, rng) -> None:
    deviation = x - x.mean(-1, keepdims=True)
    found.note("residual", x, rng)
    found.note(f"{name}/deviation", deviation, rng)
    found.note(name, deviation / np.sqrt(np.mean(deviation**2, -1, keepdims=True) + 1e-6), rng)


def _note_head(found: Statistics, params: dict, context, known, rng) -> None:
    head, tables = params["head"], np.asarray(params["embedding"]["tables"])
    count = len(tables)
    rows = np.where(known < 0, tables.shape[1] - 1, known)
    embedded = tables[np.arange(count), rows]  # (T, M, e)
    hidden = np.einsum("tc,mch->tmh", context, head["context"]) + np.asarray(head["hidden_bias"])
    if "token" in head:
        before = np.arange(count) < np.arange(count)[:, None]
        kernel = np.asarray(head["token"]) * before[:, :, None, None]
        hidden = hidden + np.einsum("tne,mneh->tmh", embedded, kernel, optimize=True)
    found.note("hidden", hidden, rng)
    activated = jax.nn.gelu(hidden) if "norm" in params else np.maximum(hidden, 0)
    found.note("activated", np.asarray(activated), rng)
