"""Where the bits went: a small coloured map for every stage."""

import numpy as np
from PIL import Image

from pqmim_jax.evaluation.html.crops import Store, TooManyBytes
from pqmim_jax.evaluation.html.folder import Folder, webp

MAP_BYTES = 1_500_000  # of WebP files
LONGEST_SIDE = 96  # cells; larger grids are averaged
LEVELS = 64  # of the colour scale
# Viridis (Smith and van der Walt, matplotlib 1.5): even in lightness, safe for the colour-blind.
VIRIDIS = (
    *((68, 1, 84), (72, 40, 120), (62, 74, 137), (49, 104, 142), (38, 130, 142)),
    *((31, 158, 137), (53, 183, 121), (110, 206, 88), (181, 222, 43), (253, 231, 37)),
)


def build_heatmaps(
    folder: Folder, records: list[dict], indices: list[int], budget: int = MAP_BYTES
) -> dict:
    """Maps of the records that have bits, as many as the budget carries.

    Args:
      indices: records in order of preference.

    Returns:
      {"uris", "maps": [{"record": index, "total": place, "highest_total": bits a token, "highest":
      bits a token over all stages, "stages": [{"map": place, "bits", "tokens"}]}], "left_out":
      number of records whose maps did not fit}
    """
    store = Store(budget, [])
    maps, left_out = [], 0
    for index in indices:
        bits = folder.bits(records[index])
        if bits is None:
            continue
        try:
            maps.append({"record": index, **_maps(bits, store)})
        except TooManyBytes:
            left_out += 1
    return {"uris": store.uris, "maps": maps, "left_out": left_out}


def _maps(bits: np.ndarray, store: Store) -> dict:
    total = shrink(bits.sum(0))
    stages = [shrink(stage) for stage in bits]
    highest = max(float(stage.max()) for stage in stages)
    return {
        "total": store.add(webp(colour(total, float(total.max())))),
        "highest_total": float(total.max()),
        "highest": highest,
        "stages": [
            {
                "map": store.add(webp(colour(small, highest))),
                "bits": float(stage.sum()),
                "tokens": int((stage > 0).sum()),
            }
            for small, stage in zip(stages, bits, strict=True)
        ],
    }


def shrink(bits: np.ndarray) -> np.ndarray:
    """(h, w) bits averaged over square cells until no side is above `LONGEST_SIDE`.

    The mean is over the tokens that a stage codes, so that sparse stages keep their colour.
    """
    cell = -(-max(bits.shape) // LONGEST_SIDE)
    if cell == 1:
        return bits
    h, w = (-(-n // cell) for n in bits.shape)
    padded = np.zeros((h * cell, w * cell), bits.dtype)
    padded[: bits.shape[0], : bits.shape[1]] = bits
    cells = padded.reshape(h, cell, w, cell)
    return cells.sum((1, 3)) / np.maximum((cells > 0).sum((1, 3)), 1)


def colour(bits: np.ndarray, highest: float) -> Image.Image:
    """RGBA picture of (h, w) bits on a scale from 0 to `highest`; see-through where there are 0."""
    share = np.clip(bits / max(highest, 1e-9), 0, 1)
    steps = np.round(share * (LEVELS - 1)) / (LEVELS - 1)
    places = np.linspace(0, 1, len(VIRIDIS))
    channels = [np.interp(steps, places, channel) for channel in zip(*VIRIDIS, strict=True)]
    alpha = np.where(bits > 0, 255, 0)
    return Image.fromarray(np.stack([*channels, alpha], -1).round().astype(np.uint8), "RGBA")
