"""Cells that differ in their seed only, side by side."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pqmim_jax.ablation.grid import Cell


@dataclass(frozen=True)
class Group:
    """One combination of factors."""

    cell: Cell  # of its first seed
    seeds: tuple[int, ...]
    bits_per_index: np.ndarray  # float64 (seeds, pictures)
    frequency_bits: np.ndarray  # float64 (pictures,): bits an index by frequencies, no context
    stage_bits: np.ndarray  # float64 (S,): bits an index of that stage, mean over all

    def of_seeds(self, seeds: Sequence[int]) -> np.ndarray:
        """Rows of `bits_per_index`."""
        return self.bits_per_index[[self.seeds.index(seed) for seed in seeds]]

    @property
    def training(self) -> str:
        """Training factors as text, equal for equal factors."""
        return json.dumps(self.cell.training.factors, sort_keys=True, default=list)


def grouped(results: Sequence[tuple[Cell, dict]]) -> list[Group]:
    """The groups in the order of their first cells."""
    together: dict[tuple, list[tuple[Cell, dict]]] = {}
    for cell, result in results:
        factors = json.dumps(cell.training.factors, sort_keys=True, default=list)
        together.setdefault((factors, cell.schedule, cell.window), []).append((cell, result))
    return [_group(members) for members in together.values()]


def _group(members: list[tuple[Cell, dict]]) -> Group:
    images = [result["images"] for _, result in members]
    bits = np.array([[each["bits"] / each["indices"] for each in row] for row in images])
    spent = np.sum([each["stage_bits"] for row in images for each in row], axis=0)
    coded = np.sum([each["stage_indices"] for row in images for each in row], axis=0)
    seeds = tuple(cell.training.seed for cell, _ in members)
    fixed = np.array([each["frequency_bits"] / each["indices"] for each in images[0]])
    return Group(members[0][0], seeds, bits, fixed, spent / np.maximum(coded, 1))
