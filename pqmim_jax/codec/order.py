"""In which order the indices of a picture are coded: stages, blocks of windows, sub-quantizers."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from pqmim_jax.codec.windows import WindowGrid
from pqmim_jax.masking import stage_map

WINDOWS_PER_BLOCK = 64
"""Part of the file format: it keeps a chunk, and with it the memory for its tables, bounded."""


@dataclass(frozen=True)
class Chunk:
    """Indices that are coded together: one sub-quantizer, in one stage, of one block."""

    stage: int
    m: int
    members: np.ndarray  # (n,) int64: which of the block's tokens
    rows: np.ndarray  # (n,) int64: of tokens in the picture
    columns: np.ndarray

    def after(self, start: int) -> "Chunk":
        """The same without its first `start` members."""
        parts = (self.members[start:], self.rows[start:], self.columns[start:])
        return Chunk(self.stage, self.m, *parts)


@dataclass(frozen=True)
class CodingOrder:
    """The order for one picture; a pure function of its fields."""

    grid: WindowGrid
    num_codebooks: int  # M of the model
    quality: int  # sub-quantizers coded, M'
    schedule: str

    @cached_property
    def stage_count(self) -> int:
        """S, stages of the schedule on one window."""
        return int(self._window_stages.max()) + 1

    def blocks(self) -> Iterator[list[tuple[int, int]]]:
        """Origins of the windows of each block."""
        origins = self.grid.origins
        for start in range(0, len(origins), WINDOWS_PER_BLOCK):
            yield origins[start : start + WINDOWS_PER_BLOCK]

    def chunks(self, stage: int, origins: list[tuple[int, int]]) -> list[Chunk]:
        """The non-empty chunks of a stage in a block, in coding order."""
        positions = np.concatenate([self.grid.window_positions(origin) for origin in origins])
        y, x = positions.T
        stages = self._window_stages[y % self.grid.window, x % self.grid.window]
        found = []
        for m in range(self.quality):
            members = np.flatnonzero(stages[:, m] == stage)
            if members.size:
                found.append(Chunk(stage, m, members, y[members], x[members]))
        return found

    def stage_of_indices(self) -> np.ndarray:
        """(h, w, M') int32: the stage of every index of the picture."""
        h, w = self.grid.tokens
        rows, columns = np.arange(h) % self.grid.window, np.arange(w) % self.grid.window
        return self._window_stages[rows[:, None], columns]

    def symbol_count(self, stages: int | None) -> int:
        """Number of indices in the first `stages` stages; None is all."""
        if stages is None:
            return math.prod(self.grid.tokens) * self.quality
        return int((self.stage_of_indices() < stages).sum())

    @cached_property
    def _window_stages(self) -> np.ndarray:
        return stage_map(self.schedule, (self.grid.window, self.grid.window, self.quality))
