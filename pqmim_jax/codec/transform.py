"""The autoencoder over a picture of any size: windows that share their sums over tokens.

Layers with statistics over all tokens (cross-covariance attention, group normalisation) take them
over the whole picture, so that windows do not show: all windows run to the first such layer, their
sums are added up, all go on from the total to the next one. Each token of the picture counts once.
Of a large picture, some windows spread over it stand for all of them.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np

from pqmim_jax.codec.program_set import AUTOENCODER_HALO, ProgramSet, SegmentedProgram
from pqmim_jax.codec.windows import WindowGrid

Origin = tuple[int, int]

MAX_SAMPLED = 64  # windows that the sums are taken from
MAX_STATE_BYTES = 512 * 2**20  # of what these windows keep from one sum to the next


def encode_latents(programs: ProgramSet, grid: WindowGrid, image: np.ndarray) -> np.ndarray:
    """Encoder network.

    Args:
      image: (H, W, 3) uint8 of the grid's size.

    Returns:
      (h, w, M*d) float32 latents as compared with the codewords.
    """
    grid = replace(grid, halo=AUTOENCODER_HALO)
    latents = np.zeros((*grid.tokens, programs.latent_width), np.float32)

    def inputs(origin: Origin) -> tuple:
        return grid.pixels_of(image, origin), grid.mask_of(origin)

    def place(origin: Origin, core: np.ndarray) -> None:
        grid.place(latents, origin, core, 1)

    _run(programs, programs.encode, grid.origins, inputs, place)
    return latents


def decode_latents(
    programs: ProgramSet, grid: WindowGrid, latents: np.ndarray, quality: int
) -> np.ndarray:
    """Decoder network.

    Args:
      latents: (h, w, M, d) float32 codewords, or what stands for them.
      quality: sub-vectors from this one on are ignored.

    Returns:
      (H, W, 3) uint8 picture of the grid's size.
    """
    grid = replace(grid, halo=AUTOENCODER_HALO)
    picture = np.zeros((grid.height, grid.width, 3), np.uint8)
    flat = latents.reshape(*grid.tokens, -1)

    def inputs(origin: Origin) -> tuple:
        return grid.codes_of(flat, origin), np.int32(quality), grid.mask_of(origin)

    def place(origin: Origin, core: np.ndarray) -> None:
        grid.place(picture, origin, core, grid.f)

    _run(programs, programs.decode, grid.origins, inputs, place)
    return picture


def _run(
    programs: ProgramSet,
    program: SegmentedProgram,
    origins: list[Origin],
    inputs: Callable[[Origin], tuple],
    place: Callable[[Origin, np.ndarray], None],
) -> None:
    """Runs all windows through a program; `place` takes each one's result.

    Which window is computed when, and where, changes no bit of any result.
    """
    affordable = max(1, MAX_STATE_BYTES // program.state_bytes)
    sampled = _sample(origins, min(MAX_SAMPLED, affordable))
    totals: list[np.ndarray] = []
    states = programs.map(lambda origin: program.first(*inputs(origin)), sampled)
    for segment in program.rest:
        totals.append(_total([sums for sums, *_ in states]))
        resume = partial(segment, totals[-1])
        states = programs.map(lambda s, resume=resume: resume(*s[1:]), states)
    for origin, (core,) in zip(sampled, states, strict=True):
        place(origin, np.asarray(core))

    def run_alone(origin: Origin) -> None:
        state = program.first(*inputs(origin))
        for segment, total in zip(program.rest, totals, strict=True):
            state = segment(total, *state[1:])
        place(origin, np.asarray(state[0]))

    programs.map(run_alone, sorted(set(origins) - set(sampled)))


def _total(sums: list) -> np.ndarray:
    """Sum in the order given, in double precision: the same bits whatever ran when."""
    total = np.zeros(sums[0].shape)
    for local in sums:
        total += np.asarray(local)
    return total.astype(np.float32)


def _sample(origins: list[Origin], n: int) -> list[Origin]:
    """At most n windows, spread evenly; in raster order."""
    if len(origins) <= n:
        return origins
    # Multiples of the golden ratio: no stride that could coincide with the rows of windows.
    keys = np.arange(len(origins), dtype=np.uint64) * np.uint64(2654435769) % np.uint64(2**32)
    return [origins[i] for i in np.sort(np.argsort(keys, kind="stable")[:n])]
