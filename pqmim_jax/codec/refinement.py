"""Codewords chosen for the picture that they give, not for the latents that they replace.

The decoder is no orthogonal transform: a squared distance between latents is not the squared error
of the picture. Before codewords are coded, the encoder decodes those that it would choose, and
moves its latents along the gradient of the true error, a proximal gradient step (Parikh and Boyd
2014, section 4.2) whose proximal operator is the choice of codewords by their price. Ours; that
encoders gain from such a search is known from Yang et al. 2020 (arXiv 2006.04240). The decoder
knows nothing of it.
"""

import numpy as np

from pqmim_jax.codec.program_set import REFINEMENT_HALO, ProgramSet
from pqmim_jax.codec.quantization import squared_distances, static_prices
from pqmim_jax.codec.regions import Region
from pqmim_jax.codec.settings import Settings
from pqmim_jax.codec.transform import STEP, regions_of
from pqmim_jax.codec.windows import WindowGrid

MAX_REGION = 1024  # tokens that a region shows: a gradient keeps what every layer did
# All tokens move at once, and each is pulled by an error that its neighbours are about to mend as
# well: steps overshoot. The next step sets that right; the last one, which no other follows, goes
# less far.
_LAST_STEP = 1.2
# Bits that the MIM asks for a codeword, over those at fixed frequencies: which codewords a step
# starts from is chosen without the MIM, but not as if there were none.
_SHARE_OF_STATIC_BITS = 0.7


def refine(
    programs: ProgramSet,
    grid: WindowGrid,
    image: np.ndarray,
    latents: np.ndarray,
    codebooks: np.ndarray,
    counts: np.ndarray,
    settings: Settings,
) -> tuple[np.ndarray, np.ndarray]:
    """Latents whose cheapest codewords give a better picture at the same price.

    Args:
      grid: of the picture.
      image: (H, W, 3) uint8 of the grid's size.
      latents: (h, w, M, d) float32 from the encoder network.
      codebooks: (M, K, d) float32.
      counts: (M, K) or (M, M, K): how often codewords occur, for their prices.
      settings: what is asked for, `refinement_steps` >= 1 among it.

    Returns:
      (h, w, M, d) float32, sub-vectors from `settings.quality` on as they were, and (M,) float32,
      lambda of the choice among codewords for them.
    """
    regions = regions_of(programs, grid.tokens, REFINEMENT_HALO, MAX_REGION, STEP)
    sent = settings.quality
    prices = _SHARE_OF_STATIC_BITS * static_prices(counts, sent)[:sent]
    weight = np.full(len(codebooks), settings.rate_weight, np.float32)  # of the network's latents
    steps = [1.0] * (settings.refinement_steps - 1) + [_LAST_STEP]
    for step in steps:
        indices = _cheapest(programs, regions, latents, codebooks, weight[:sent, None] * prices)
        curvature = step * np.array(settings.curvature, np.float32)
        weight = settings.rate_weight / curvature
        change = _change(programs, regions, grid.f, image, latents.shape, codebooks, indices)
        chosen = codebooks[np.arange(sent), indices]
        latents = latents.copy()
        latents[:, :, :sent] = chosen + change[:, :, :sent] / curvature[:sent, None]
    return latents, weight


def _cheapest(programs, regions, latents, codebooks, penalties) -> np.ndarray:
    """(h, w, n) int32: codewords by distance and penalties (n, K), region by region."""
    indices = np.zeros((*latents.shape[:2], len(penalties)), np.int32)

    def choose(region: Region) -> None:
        own = region.rows.own(1), region.columns.own(1)
        wanted = latents[own]
        flat = wanted.reshape(-1, *wanted.shape[2:])
        for m, penalty in enumerate(penalties):
            distances = squared_distances(flat[:, m], codebooks[m])
            best = np.argmin(distances + penalty, axis=-1)
            indices[(*own, m)] = best.reshape(wanted.shape[:2])

    programs.map(choose, regions)
    return indices


def _change(programs, regions, f, image, shape, codebooks, indices) -> np.ndarray:
    """`shape` (h, w, M, d): what `ProgramSet.correct` says of the codewords of `indices`."""
    tokens, sent = indices.shape[:2], indices.shape[2]
    change, each = np.zeros(shape, np.float32), np.arange(sent)
    correct = programs.correct(regions[0].shape)

    def look(region: Region) -> None:
        codewords = np.zeros((*region.shape, *shape[2:]), np.float32)
        codewords[:, :, :sent] = codebooks[each, region.shown(indices)]
        flat, pixels = codewords.reshape(*region.shape, -1), region.shown(image, f)
        result = correct(flat, np.int32(sent), pixels, region.inside(tokens))
        region.place(change, result.reshape(codewords.shape))

    programs.map(look, regions)
    return change
