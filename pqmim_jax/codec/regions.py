"""How a picture is cut into regions for the autoencoder, with few tokens computed twice.

A region shows its own tokens and some around them. Regions are spread evenly over the picture and
lie inside it, so what they show beyond their own tokens always is picture: at its borders they show
nothing more, and the networks' zero padding there is that of a whole picture. All regions of a
picture have one shape. It depends on the picture's size only, never on who computes it.
"""

from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise

import numpy as np

_FEWEST_STEPS = 3
SMALL = 512  # tokens of a picture that one region is enough for; others keep two threads busy


@dataclass(frozen=True)
class Span:
    """One axis of a region, in tokens: `size` from `start` on are shown, begin..end its own."""

    start: int
    size: int
    begin: int
    end: int

    def grown(self, n: int, step: int) -> "Span":
        """Shows a multiple of `step` tokens: more of the n that there are, else what is beyond.

        At least a few steps: a search for a size codes a picture in many small ones.
        """
        size = max(-(-self.size // step), _FEWEST_STEPS) * step
        start = max(0, min(self.start - (size - self.size) // 2, n - size))
        return replace(self, start=start, size=size)

    def near(self, n: int, halo: int) -> tuple[int, int]:
        """First of its own tokens and the `halo` ones around them, as far as there are, and end."""
        return max(0, self.begin - halo), min(n, self.end + halo)

    def limited(self, begin: int, end: int) -> "Span":
        """Its own tokens only where they lie in begin..end."""
        return replace(self, begin=max(self.begin, begin), end=min(self.end, end))

    def shown(self, f: int) -> slice:
        """Where in an array of the whole axis, f samples a token, what it shows lies."""
        return slice(self.start * f, (self.start + self.size) * f)

    def own(self, f: int, origin: int = 0) -> slice:
        """Where its own tokens lie in an array that begins at token `origin`."""
        return slice((self.begin - origin) * f, (self.end - origin) * f)


@dataclass(frozen=True)
class Region:
    """A part of a picture, or of another token grid."""

    rows: Span
    columns: Span

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of tokens that it shows."""
        return self.rows.size, self.columns.size

    def grown(self, tokens: tuple[int, int], step: int) -> "Region":
        """The same with sides that are multiples of `step`, for programs of few shapes.

        Args:
          tokens: (h, w) of the grid; beyond its end there is no picture.
        """
        return Region(self.rows.grown(tokens[0], step), self.columns.grown(tokens[1], step))

    def shown(self, array: np.ndarray, f: int = 1) -> np.ndarray:
        """What it shows of an array (h*f, w*f, ...) or a little smaller; edges repeated beyond."""
        cut = array[self.rows.shown(f), self.columns.shown(f)]
        margins = [(0, n * f - have) for n, have in zip(self.shape, cut.shape, strict=False)]
        if not np.any(margins):
            return cut
        return np.pad(cut, margins + [(0, 0)] * (array.ndim - 2), mode="edge")

    def inside(self, tokens: tuple[int, int]) -> np.ndarray:
        """`shape` float32: 1 at tokens of the grid (h, w), 0 beyond its end."""
        inside = np.zeros(self.shape, np.float32)
        inside[: tokens[0] - self.rows.start, : tokens[1] - self.columns.start] = 1
        return inside

    def mask(self, tokens: tuple[int, int]) -> np.ndarray:
        """`shape` float32, as in `models.layers.presence`.

        1 at its own tokens, 1/2 at others of the grid (h, w), 0 beyond its end. Every token is 1
        in exactly one region.
        """
        mask = self.inside(tokens) / 2
        self.own(mask)[...] = 1
        return mask

    def own(self, array: np.ndarray, f: int = 1) -> np.ndarray:
        """The part of its own tokens in an array (rows*f, columns*f, ...) of its shape; a view."""
        return array[self.rows.own(f, self.rows.start), self.columns.own(f, self.columns.start)]

    def place(
        self, canvas: np.ndarray, result: np.ndarray, f: int = 1, origin: tuple[int, int] = (0, 0)
    ) -> None:
        """Writes its own tokens where they belong.

        Args:
          canvas: (h*f, w*f, ...) or a little smaller, of the grid that begins at -`origin`.
          result: (rows*f, columns*f, ...).
        """
        target = canvas[self.rows.own(f, -origin[0]), self.columns.own(f, -origin[1])]
        target[...] = self.own(result, f)[: target.shape[0], : target.shape[1]]


@lru_cache(maxsize=64)
def cut(tokens: tuple[int, int], halo: int, limit: int, step: int) -> tuple[Region, ...]:
    """Regions in raster order that own every token once.

    Args:
      tokens: (h, w) of the grid, >= 1.
      halo: tokens that a region shows around its own, at least, where there are.
      limit: tokens that a region shows, at most; at least (2*halo + 1)**2.
      step: shapes will be rounded up to multiples of this one; regions are chosen with that in
        mind, but not rounded.
    """
    counts = _counts(tokens, halo, limit, step)
    rows, columns = (_spans(n, k, halo) for n, k in zip(tokens, counts, strict=True))
    return tuple(Region(y, x) for y in rows for x in columns)


def _counts(tokens: tuple[int, int], halo: int, limit: int, step: int) -> tuple[int, int]:
    """How many regions there are along each axis, for the least work."""
    h, w = tokens
    sides = ((side, limit // side) for side in range(1, limit + 1))
    options = {(_count(h, y, halo), _count(w, x, halo)) for y, x in sides}
    options = {pair for pair in options if None not in pair}
    if (1, 1) in options:
        if h * w <= SMALL:
            return 1, 1
        options |= {pair for pair, n in (((2, 1), h), ((1, 2), w)) if n >= 2 * halo + 2}

    def work(pair: tuple[int, int]) -> tuple:
        sizes = (_size(n, k, halo) for n, k in zip(tokens, pair, strict=True))
        rows, columns = (-(-size // step) * step for size in sizes)
        count = pair[0] * pair[1]
        # Two at once: an odd one out keeps both waiting.
        return (count + count % 2) * rows * columns, count, pair

    return min(options, key=work)


def _count(n: int, size: int, halo: int) -> int | None:
    """How many spans of at most `size` it takes; None if they cannot do it."""
    if n <= size:
        return 1
    return None if size <= 2 * halo else -(-(n - 2 * halo) // (size - 2 * halo))


def _size(n: int, count: int, halo: int) -> int:
    return min(n, -(-(n + 2 * halo * (count - 1)) // count))


def _spans(n: int, count: int, halo: int) -> list[Span]:
    """`count` spans of one size, evenly spread; where two overlap, each owns a half."""
    size = _size(n, count, halo)
    starts = [i * (n - size) // max(1, count - 1) for i in range(count)]
    middles = [(a + size + b) // 2 for a, b in pairwise(starts)]
    return [
        Span(start, size, begin, end)
        for start, begin, end in zip(starts, [0, *middles], [*middles, n], strict=True)
    ]
