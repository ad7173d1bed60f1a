"""How a picture of any size is cut into windows of one fixed size.

All programs run on squares of `window + 2 * halo` tokens, of which the inner `window` count. One
compiled program therefore serves every picture, and memory per call is constant.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np


@dataclass(frozen=True)
class WindowGrid:
    """Windows covering a picture of `height` x `width` pixels, in raster order."""

    height: int
    width: int
    f: int  # pixels a side of a token
    window: int  # tokens a side
    halo: int  # tokens of context on each side

    @property
    def tokens(self) -> tuple[int, int]:
        """Rows and columns of the token grid, (h, w): the picture padded to whole tokens."""
        return -(-self.height // self.f), -(-self.width // self.f)

    @cached_property
    def origins(self) -> list[tuple[int, int]]:
        """(row, column) of each window's first token."""
        h, w = self.tokens
        return [(y, x) for y in range(0, h, self.window) for x in range(0, w, self.window)]

    @cached_property
    def positions(self) -> np.ndarray:
        """(h*w, 2) int64: token (row, column) in coding order: by window, in it by raster."""
        return np.concatenate([self.window_positions(origin) for origin in self.origins])

    def window_positions(self, origin: tuple[int, int]) -> np.ndarray:
        """(n, 2) int64: the tokens of one window that lie in the picture, in raster order."""
        (h, w), (y, x) = self.tokens, origin
        rows, columns = np.meshgrid(
            np.arange(y, min(y + self.window, h)),
            np.arange(x, min(x + self.window, w)),
            indexing="ij",
        )
        return np.stack([rows.ravel(), columns.ravel()], axis=-1)

    def pixels_of(self, image: np.ndarray, origin: tuple[int, int]) -> np.ndarray:
        """Window with halo cut from an image (H, W, C), edges repeated outwards."""
        return self._cut(image, origin, self.f)

    def codes_of(self, codes: np.ndarray, origin: tuple[int, int]) -> np.ndarray:
        """Window with halo cut from a token grid (h, w, ...), edges repeated outwards."""
        return self._cut(codes, origin, 1)

    def mask_of(self, origin: tuple[int, int]) -> np.ndarray:
        """(side, side) float32 over a window with halo, as in `models.layers.presence`.

        1 at its own tokens of the picture, 1/2 at others of the picture, 0 outside. Every token of
        the picture is 1 in exactly one window.
        """
        (h, w), (y, x), edge = self.tokens, origin, self.halo
        mask = self.inside_of(origin) / 2
        mask[edge : edge + self.window, edge : edge + self.window][: h - y, : w - x] = 1
        return mask

    def inside_of(self, origin: tuple[int, int]) -> np.ndarray:
        """(side, side) float32 over a window with halo: 1 at all tokens of the picture."""
        (h, w), side = self.tokens, self.window + 2 * self.halo
        rows, columns = (np.arange(side) + n - self.halo for n in origin)
        inside = [(each >= 0) & (each < n) for each, n in ((rows, h), (columns, w))]
        return np.outer(*inside).astype(np.float32)

    def known_of(self, known: np.ndarray, origin: tuple[int, int]) -> np.ndarray:
        """Window with halo cut from a grid that `padded_unknown` made: unknown outside."""
        side = self.window + 2 * self.halo
        return known[origin[0] : origin[0] + side, origin[1] : origin[1] + side]

    def padded_unknown(self, m: int, unknown: int) -> np.ndarray:
        """(h', w', M) int32 full of `unknown`: whole windows and a halo around them.

        Token (y, x) lies at (y + halo, x + halo).
        """
        h, w = (-(-n // self.window) * self.window + 2 * self.halo for n in self.tokens)
        return np.full((h, w, m), unknown, np.int32)

    def without_padding(self, padded: np.ndarray) -> np.ndarray:
        """(h, w, M): the picture's own part of what `padded_unknown` made; a view."""
        h, w = self.tokens
        return padded[self.halo : self.halo + h, self.halo : self.halo + w]

    def place(self, canvas: np.ndarray, origin: tuple[int, int], core: np.ndarray, f: int) -> None:
        """Writes a window's inner part, f samples a token, where it belongs on `canvas`."""
        y, x = origin[0] * f, origin[1] * f
        target = canvas[y : y + core.shape[0], x : x + core.shape[1]]
        target[...] = core[: target.shape[0], : target.shape[1]]

    def _cut(self, array: np.ndarray, origin: tuple[int, int], f: int) -> np.ndarray:
        # A slice, padded at the picture's borders: five times faster than gathering by index.
        side, begin = (self.window + 2 * self.halo) * f, [(n - self.halo) * f for n in origin]
        ends = [(max(0, b), min(b + side, n)) for b, n in zip(begin, array.shape, strict=False)]
        cut = array[tuple(slice(*end) for end in ends)]
        margins = [(a - b, b + side - z) for b, (a, z) in zip(begin, ends, strict=True)]
        if not np.any(margins):
            return cut
        return np.pad(cut, margins + [(0, 0)] * (array.ndim - 2), mode="edge")
