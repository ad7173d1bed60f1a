"""The last stage of a MIM's training: its integers, calibrated on windows of training pictures."""

import jax
import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict

from pqmim_jax.coding import LOGIT_FRACTION_BITS
from pqmim_jax.integer import bounds
from pqmim_jax.integer.calibration import observe
from pqmim_jax.integer.conversion import Converter
from pqmim_jax.integer.network import IntegerMim, carried, laid_out
from pqmim_jax.masking import stage_map
from pqmim_jax.models import build_autoencoder, build_mim
from pqmim_jax.training import rate
from pqmim_jax.training.pqvae_loss import to_network

MEASURED = 8
"""Windows that `cost` is reported for: it takes seconds for each."""

_SHARE_OF_STATIC_BITS = 0.77  # what the MIM asks for a codeword, about
_VIEWS = 2  # stages of each window that are looked at


def up_to_qualities(indices: np.ndarray) -> np.ndarray:
    """(n, h, w, M) int32: windows as files of different qualities hold them, -1 beyond."""
    count = indices.shape[-1]
    qualities = _qualities(len(indices), count)[:, None, None, None]
    return np.where(np.arange(count) < qualities, indices, -1)


def qualities_of(windows: np.ndarray) -> np.ndarray:
    """(n,) int32: up to which sub-quantizer windows (n, h, w, M) hold indices."""
    return (windows >= 0).any((1, 2)).sum(-1, dtype=np.int32)


def picture_windows(section, params, images, counts, rate_weights) -> np.ndarray:
    """Windows of indices that an encoder would choose, at different qualities.

    Args:
      section: of the autoencoder's config.
      params: of the trained autoencoder.
      images: (n, side, side, 3) uint8, n >= 1: crops as large as a window with its halo.
      counts: (M, K) how often codewords occur; or (M, M, K), for each quality.
      rate_weights: lambda of each quality, or none.

    Returns:
      (n, h, w, M) int32, -1 beyond a window's quality.
    """
    autoencoder, count = build_autoencoder(ConfigDict(section)), len(counts)
    weights = rate.quality_weights(rate_weights, 1.0 if rate_weights else 0.0, count)
    weights = jnp.zeros(count) if weights is None else jnp.asarray(weights)
    prices = rate.static_bits(np.asarray(counts) + 0.5) * _SHARE_OF_STATIC_BITS

    @jax.jit
    def encode(params, image, quality):
        penalty = rate.penalty(rate.bits_at(prices, quality), weights[quality - 1])
        x = to_network(image[None])
        return autoencoder.apply({"params": params}, x, penalty, method="indices")[0]

    qualities = _qualities(len(images), count)[:, None]
    found = [encode(params, x, quality) for x, quality in zip(images, qualities, strict=True)]
    return up_to_qualities(np.stack(jax.device_get(found)).astype(np.int32))


def convert(sections: dict, params: dict, windows: np.ndarray) -> dict:
    """The integers of a MIM.

    Args:
      sections: of the model's config: "autoencoder", "mim", "codec".
      params: of the MIM, float32.
      windows: (n, side, side, M) int32, n >= 1, -1 where a file holds nothing.

    Returns:
      the tree that a model folder holds.

    Raises:
      ModelError: sums could leave the range in which they are exact.
    """
    mim = build_mim(ConfigDict(sections["mim"]), ConfigDict(sections["autoencoder"]))
    stages, side = _stages(sections), windows.shape[1]
    last = int(stages.max())
    visible, known = [], []
    for i, window in enumerate(windows):
        for view in range(_VIEWS):
            stage = (i + view * (last + 1) // _VIEWS) % (last + 1)
            visible.append(np.where(stages < stage, window, -1))
            known.append(window)
    known = np.stack(known)
    found = observe(mim, params, np.stack(visible), known, qualities_of(known))
    tree = Converter(params, found, sections["mim"]["heads"], side).convert()
    bounds.check(tree, side)
    return tree


def cost(sections: dict, params: dict, tree: dict, windows: np.ndarray) -> float:
    """Share of bits that the integers need more than the MIM that they are made of.

    Arguments as `convert`. Ideal code lengths of the inner tokens, stage by stage.
    """
    mim = build_mim(ConfigDict(sections["mim"]), ConfigDict(sections["autoencoder"]))
    stages, halo = _stages(sections), sections["codec"]["halo"]
    integer = IntegerMim(sections["mim"]["heads"], sections["mim"]["depth"])
    numbers = carried(tree)
    trunk = laid_out({k: v for k, v in numbers.items() if k != "head"}, windows.shape[1])
    head = {**numbers["head"], "embedding": numbers["embedding"]}

    def inner(x):
        return x[halo : x.shape[0] - halo, halo : x.shape[1] - halo]

    @jax.jit
    def lengths(params, trunk, head, window, quality, stage):
        visible = jnp.where(stages < stage, window, -1)
        both = mim.apply({"params": params}, visible[None], window[None], quality[None])[0]
        context = integer.context(trunk, visible, quality, halo)
        known = inner(window).reshape(-1, window.shape[-1])
        flat = context.reshape(len(known), -1)
        each = jnp.arange(window.shape[-1])
        fixed = jax.lax.map(lambda m: integer.fixed_logits(head, flat, known, m), each)
        exact = fixed.swapaxes(0, 1) * 2.0**-LOGIT_FRACTION_BITS
        counted = (inner(stages) == stage).reshape(known.shape) & (known >= 0)
        logits = (inner(both).reshape(exact.shape), exact)
        return jnp.stack([_nats(x, known, counted) for x in logits])

    total = np.zeros(2)
    for window, quality in zip(windows, qualities_of(windows), strict=True):
        for stage in range(int(stages.max()) + 1):
            total += np.asarray(lengths(params, trunk, head, jnp.asarray(window), quality, stage))
    return float(total[1] / total[0] - 1)


def _nats(logits, known, counted):
    chosen = jnp.take_along_axis(logits, jnp.maximum(known, 0)[..., None], -1)[..., 0]
    return jnp.sum((jax.nn.logsumexp(logits, -1) - chosen) * counted)


def _qualities(n: int, count: int) -> np.ndarray:
    """(n,): M, about half of M, a quarter, and again."""
    return np.maximum(1, np.resize([count, count // 2, 3 * count // 4, count // 4], n))


def _stages(sections: dict) -> np.ndarray:
    """(side, side, M): stages as a window with its halo sees them."""
    codec, count = sections["codec"], sections["autoencoder"]["num_codebooks"]
    stages = stage_map(codec["schedule"], (codec["window"], codec["window"], count))
    halo = codec["halo"]
    return np.pad(stages, ((halo, halo), (halo, halo), (0, 0)), mode="wrap")
