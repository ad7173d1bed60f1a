"""Codewords chosen for the picture that they give, not for the latents that they replace.

The decoder is no orthogonal transform: a squared distance between latents is not the squared error
of the picture. Before codewords are coded, the encoder decodes those that it would choose, and
moves its latents along the gradient of the true error, a proximal gradient step (Parikh and Boyd
2014, section 4.2) whose proximal operator is the choice of codewords by their price. Ours; that
encoders gain from such a search is known from Yang et al. 2020 (arXiv 2006.04240). The decoder
knows nothing of it.
"""

from dataclasses import replace

import numpy as np

from pqmim_jax.codec.program_set import REFINEMENT_HALO, ProgramSet
from pqmim_jax.codec.quantization import squared_distances, static_prices
from pqmim_jax.codec.settings import Settings
from pqmim_jax.codec.windows import WindowGrid

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
      counts: (M, K): how often codewords occur, for their prices.
      settings: what is asked for, `refinement_steps` >= 1 among it.

    Returns:
      (h, w, M, d) float32, sub-vectors from `settings.quality` on as they were, and (M,) float32,
      lambda of the choice among codewords for them.
    """
    grid = replace(grid, halo=REFINEMENT_HALO)
    sent = settings.quality
    prices = _SHARE_OF_STATIC_BITS * static_prices(counts)[:sent]
    weight = np.full(len(counts), settings.rate_weight, np.float32)  # of the network's latents
    steps = [1.0] * (settings.refinement_steps - 1) + [_LAST_STEP]
    for step in steps:
        indices = _cheapest(programs, grid, latents, codebooks, weight[:sent, None] * prices)
        curvature = step * np.array(settings.curvature, np.float32)
        weight = settings.rate_weight / curvature
        latents = _moved(programs, grid, image, latents, codebooks, indices, curvature[:sent, None])
    return latents, weight


def _cheapest(programs, grid, latents, codebooks, penalties) -> np.ndarray:
    """(h, w, n) int32: codewords by distance and penalties (n, K), window by window."""
    indices = np.zeros((*grid.tokens, len(penalties)), np.int32)

    def choose(origin: tuple[int, int]) -> None:
        y, x = grid.window_positions(origin).T
        for m, penalty in enumerate(penalties):
            distances = squared_distances(latents[y, x, m], codebooks[m])
            indices[y, x, m] = np.argmin(distances + penalty, axis=-1)

    programs.map(choose, grid.origins)
    return indices


def _moved(programs, grid, image, latents, codebooks, indices, curvature) -> np.ndarray:
    """(h, w, M, d): the codewords of `indices` less the gradient over `curvature` (n, 1)."""
    moved, sent = latents.copy(), len(curvature)
    each, quality = np.arange(sent), np.int32(sent)

    def move(origin: tuple[int, int]) -> None:
        near = grid.codes_of(indices, origin)
        codewords = np.zeros((*near.shape[:2], *latents.shape[2:]), np.float32)
        codewords[:, :, :sent] = codebooks[each, near]
        window = codewords.reshape(*near.shape[:2], -1)
        pixels, mask = grid.pixels_of(image, origin), grid.inside_of(origin)
        change = programs.correct(window, quality, pixels, mask).reshape(-1, *latents.shape[2:])
        y, x = grid.window_positions(origin).T
        rows = (y - origin[0]) * grid.window + x - origin[1]
        moved[y, x, :sent] = codebooks[each, indices[y, x]] + change[rows, :sent] / curvature

    programs.map(move, grid.origins)
    return moved
