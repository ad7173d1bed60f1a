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


def observe(mim, params: dict, visible: np.ndarray, indices: np.ndarray, seed: int = 0) -> Statistics:
    """Statistics of a MIM over some windows.

    Args:
      mim: a `models.MaskedImageModel`.
      params: its parameters, float32.
      visible: (n, h, w, M) int32, -1 = masked: what the trunk sees.
      indices: (n, h, w, M) int32, -1 where there is none: what the head sees.
    """
    found, rng = Statistics(), np.random.default_rng(seed)

    @jax.jit
    def run(params, visible):
        context, kept = mim.apply(
            {"params": params},
            visible[None],
            method="context",
            capture_intermediates=True,
            mutable=["intermediates"],
        )
        return context, kept["intermediates"]

    for window, known in zip(visible, indices, strict=True):
        context, kept = jax.tree.map(np.asarray, run(params, window))
        _note_trunk(found, mim, kept, rng)
        tokens = known.reshape(-1, known.shape[-1])
        some = rng.choice(len(tokens), min(64, len(tokens)), replace=False)
        flat = context.reshape(-1, context.shape[-1])
        _note_head(found, params, flat[some], tokens[some], rng)
    return found


def _note_trunk(found: Statistics, mim, kept: dict, rng) -> None:
    x = kept["stem"]["__call__"][0]
    found.note("residual", x, rng)
    for i in range(mim.depth):
        block, name = kept[f"block_{i}"], f"block_{i}/"
        attention, mlp = block["attention"], block["mlp"]
        _note_read(found, f"{name}attention_read", x, rng)
        q, k, v = np.split(attention["qkv"]["__call__"][0], 3, axis=-1)
        for part, values in (("q", q), ("k", k), ("v", v)):
            found.note(name + part, values, rng)
        found.note(name + "attended", attention["attended"][0], rng)
        x = x + attention["__call__"][0]
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
    found.note("activated", np.asarray(jax.nn.gelu(hidden)), rng)
