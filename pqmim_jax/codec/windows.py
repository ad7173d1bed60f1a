"""How a picture of any size is cut into windows of one fixed size, for the MIM.

It runs on squares of `window + 2 * halo` tokens, of which the inner `window` count. One compiled
program therefore serves every picture, and memory per call is constant. The autoencoder, which
windows are no part of the file format for, has `codec.regions`.
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
