"""Crops of all codecs at equal bytes, as many and as large as a page can carry."""

import math
from dataclasses import dataclass

import numpy as np
from PIL import Image

from pqmim_jax.evaluation.html.folder import Folder, data_uri, webp

CROP_BYTES = 15_000_000  # of WebP files; a third more as text
MAX_PICTURES = 24
PLANS = ((2, 320), (2, 256), (1, 320), (1, 256), (1, 192), (1, 128))  # file sizes, pixels a side
STEP = 8  # pixels between the windows that are tried


class TooManyBytes(Exception):
    """A plan's pictures exceed the budget."""


@dataclass
class Store:
    """Pictures of the page, each once, within a budget of bytes."""

    budget: int
    uris: list[str]

    def add(self, data: bytes) -> int:
        """Position of the picture among the page's pictures."""
        self.budget -= len(data)
        if self.budget < 0:
            raise TooManyBytes
        self.uris.append(data_uri(data))
        return len(self.uris) - 1


def build_crops(
    folder: Folder, records: list[dict], primary: str, files: list[str], budget: int = CROP_BYTES
) -> dict | None:
    """Crops for the slider; None where no picture has both original and decoded versions.

    The first of `PLANS` that fits the budget is taken; where none does, the last one with as many
    pictures as fit.

    Args:
      files: pictures in order of preference.

    Returns:
      {"side", "levels": [setting of the primary codec], "uris", "pictures": [{"file", "original",
      "box": [x, y, w, h] in pixels, "levels": [[{"record": index, "crop": index, "psnr"}]]}]}
    """
    files = files[:MAX_PICTURES]
    for levels, side in PLANS:
        store = Store(budget, [])
        settings = choose_levels(records, primary, levels)
        crops = {"side": side, "levels": settings, "uris": store.uris, "pictures": []}
        try:
            for file in files:
                picture = _picture(folder, records, primary, settings, file, side, store)
                if picture is not None:
                    crops["pictures"].append(picture)
            break
        except TooManyBytes:
            continue
    return crops if crops["pictures"] else None


def choose_levels(records: list[dict], primary: str, count: int) -> list[str]:
    """`count` settings of a codec spread over its mean rates, smallest first.

    One is the middle setting; more start at the second smallest rate if there are enough of them.
    """
    rates: dict[str, list[float]] = {}
    for record in records:
        if record["codec"] == primary:
            rates.setdefault(record["setting"], []).append(record["bpp"])
    ordered = sorted(rates, key=lambda setting: np.mean(rates[setting]))
    if count >= len(ordered):
        return ordered
    first = 1 if len(ordered) > count else 0
    places = np.linspace(first, len(ordered) - 1, count) if count > 1 else [len(ordered) // 2]
    return [ordered[round(place)] for place in places]


def nearest_in_bytes(records: list[dict], size: int) -> dict:
    """The record whose file size is nearest by ratio."""
    return min(records, key=lambda record: abs(math.log(record["bytes"] / size)))


def worst_window(error: np.ndarray, side: int) -> tuple[int, int, int, int]:
    """(x, y, w, h) of the window of at most side x side with the largest sum of `error` (H, W)."""
    height, width = error.shape
    h, w = min(side, height), min(side, width)
    total = np.zeros((height + 1, width + 1))
    total[1:, 1:] = error.cumsum(0, dtype=np.float64).cumsum(1)
    ys, xs = np.arange(0, height - h + 1, STEP), np.arange(0, width - w + 1, STEP)
    y0, x0 = ys[:, None], xs[None, :]
    sums = total[y0 + h, x0 + w] - total[y0, x0 + w] - total[y0 + h, x0] + total[y0, x0]
    y, x = np.unravel_index(np.argmax(sums), sums.shape)
    return int(xs[x]), int(ys[y]), w, h


def _picture(folder, records, primary, settings, file, side, store) -> dict | None:
    """One picture's crops, or None where the original or the primary's decoded one is missing."""
    mine = {i: r for i, r in enumerate(records) if r["file"] == file}
    anchors = {r["setting"]: r for r in mine.values() if r["codec"] == primary}
    # A picture may lack a setting (an evaluation cut short); it is shown at what it has.
    levels = [anchors[s] for s in settings if s in anchors]
    original = folder.original(file)
    decoded = {i: r for i, r in mine.items() if folder.decoded_path(r).is_file()}
    anchored = [r for r in levels if r in decoded.values()]
    if original is None or len(anchored) < len(settings):
        return None
    if original.size != (anchored[0]["width"], anchored[0]["height"]):
        return None
    box = worst_window(_error(original, folder.decoded(anchored[-1])), side)
    crops: dict[int, tuple[int, float | None]] = {}

    def entry(index: int) -> dict:
        if index not in crops:
            crop = _crop(folder.decoded(records[index]), box)
            crops[index] = (store.add(webp(crop)), _psnr(_crop(original, box), crop))
        place, psnr = crops[index]
        return {"record": index, "crop": place, "psnr": psnr}

    chosen = [_at_equal_bytes(decoded, anchor) for anchor in anchored]
    return {
        "file": file,
        "original": store.add(webp(_crop(original, box))),
        "box": list(box),
        "levels": [[entry(index) for index in level] for level in chosen],
    }


def _at_equal_bytes(decoded: dict[int, dict], anchor: dict) -> list[int]:
    """Of each codec the record nearest to the anchor's bytes, in the order of the records."""
    codecs = dict.fromkeys(record["codec"] for record in decoded.values())
    chosen = []
    for codec in codecs:
        own = [r for r in decoded.values() if r["codec"] == codec]
        best = anchor if codec == anchor["codec"] else nearest_in_bytes(own, anchor["bytes"])
        chosen.append(next(i for i, record in decoded.items() if record is best))
    return chosen


def _crop(picture: Image.Image, box: tuple[int, int, int, int]) -> Image.Image:
    x, y, w, h = box
    return picture.crop((x, y, x + w, y + h))


def _error(a: Image.Image, b: Image.Image) -> np.ndarray:
    """(H, W) float32 squared error, summed over the channels."""
    return ((np.asarray(a, np.float32) - np.asarray(b, np.float32)) ** 2).sum(2)


def _psnr(a: Image.Image, b: Image.Image) -> float | None:
    """Decibels, or None for equal crops."""
    mean = float(_error(a, b).mean()) / 3
    return 10 * math.log10(255**2 / mean) if mean else None
