"""The autoencoder over a picture of any size: regions that share their sums over tokens.

Layers with statistics over all tokens (cross-covariance attention, group normalisation) take them
over the whole picture, so that regions do not show: all regions run to the first such layer, their
sums are added up, all go on from the total to the next one. Each token of the picture counts once.
Of a large picture, some regions spread over it stand for all of them. Without such layers regions
have nothing to share.
"""

from collections.abc import Callable
from functools import partial

import numpy as np

from pqmim_jax.codec.program_set import ProgramSet, SegmentedProgram
from pqmim_jax.codec.regions import Region, cut
from pqmim_jax.codec.windows import WindowGrid

MAX_REGION = 2048  # tokens that a region shows
MAX_TILE = 1024  # of what the post-filter, which takes most of the memory, gets at once
STEP, TILE_STEP = 4, 2  # sides are multiples of these where every shape is a program of its own
MAX_SAMPLED = 24  # regions that the sums are taken from
MAX_STATE_BYTES = 512 * 2**20  # of what these regions keep from one sum to the next


def encode_latents(programs: ProgramSet, grid: WindowGrid, image: np.ndarray) -> np.ndarray:
    """Encoder network.

    Args:
      image: (H, W, 3) uint8 of the grid's size.

    Returns:
      (h, w, M*d) float32 latents as compared with the codewords.
    """
    tokens = grid.tokens
    latents = np.zeros((*tokens, programs.latent_width), np.float32)

    def inputs(region: Region) -> tuple:
        return region.shown(image, grid.f), region.mask(tokens)

    def finish(region: Region, result: np.ndarray) -> list[Callable]:
        return [lambda: region.place(latents, result)]

    regions = regions_of(programs, tokens, programs.autoencoder_halo, MAX_REGION, STEP)
    _run(programs, programs.encode(regions[0].shape), regions, inputs, finish)
    return latents


def decode_latents(
    programs: ProgramSet, grid: WindowGrid, latents: np.ndarray, quality: int
) -> np.ndarray:
    """Decoder network and post-filter.

    Args:
      latents: (h, w, M, d) float32 codewords, or what stands for them.
      quality: sub-vectors from this one on are ignored.

    Returns:
      (H, W, 3) uint8 picture of the grid's size.
    """
    tokens, quality = grid.tokens, np.int32(quality)
    picture = np.zeros((grid.height, grid.width, 3), np.uint8)
    flat = latents.reshape(*tokens, -1)

    def inputs(region: Region) -> tuple:
        return region.shown(flat), quality, region.mask(tokens)

    def finish(region: Region, unfiltered: np.ndarray) -> list[Callable]:
        return _filtering(programs, region, unfiltered, quality, tokens, picture)

    regions = regions_of(programs, tokens, programs.autoencoder_halo, MAX_REGION, STEP)
    _run(programs, programs.decode(regions[0].shape), regions, inputs, finish)
    return picture


def regions_of(
    programs: ProgramSet, tokens: tuple[int, int], halo: int, limit: int, step: int
) -> tuple[Region, ...]:
    """`regions.cut` of a token grid, in shapes that the programs can have."""
    regions = cut(tokens, halo, limit, step)
    return tuple(r.grown(tokens, step) for r in regions) if programs.few_shapes else regions


def _filtering(programs, region, unfiltered, quality, tokens, picture) -> list[Callable]:
    """Jobs that filter a region's own pixels, with what the filter sees around them."""
    f, halo = programs.f, programs.filter_halo
    (top, bottom), (left, right) = (
        span.near(n, halo) for span, n in zip((region.rows, region.columns), tokens, strict=True)
    )
    y, x = top - region.rows.start, left - region.columns.start
    near = (bottom - top, right - left)
    pixels = unfiltered[y * f : (y + near[0]) * f, x * f : (x + near[1]) * f]
    rows = region.rows.begin - top, region.rows.end - top
    columns = region.columns.begin - left, region.columns.end - left

    def job(tile: Region) -> None:
        program = programs.filter(tile.shape)
        result = program(tile.shown(pixels, f), quality, tile.inside(near))
        own = Region(tile.rows.limited(*rows), tile.columns.limited(*columns))
        own.place(picture, result, f, (top, left))

    tiles = regions_of(programs, near, halo, MAX_TILE, TILE_STEP)
    return [partial(job, tile) for tile in tiles]


def _run(
    programs: ProgramSet,
    program: SegmentedProgram,
    regions: tuple[Region, ...],
    inputs: Callable[[Region], tuple],
    finish: Callable[[Region, np.ndarray], list[Callable]],
) -> None:
    """Runs all regions through a program; `finish` gives what is to be done with each result.

    Which region is computed when, and where, changes no bit of any result.
    """
    affordable = max(1, MAX_STATE_BYTES // program.state_bytes)
    chosen = _sample(len(regions), min(MAX_SAMPLED, affordable)) if program.rest else []
    sampled = [regions[i] for i in chosen]
    totals: list[np.ndarray] = []
    states = programs.map(lambda region: program.first(*inputs(region)), sampled)
    for segment in program.rest:
        totals.append(_total([sums for sums, *_ in states]))
        resume = partial(segment, totals[-1])
        states = programs.map(lambda s, resume=resume: resume(*s[1:]), states)
    results = ((region, np.asarray(out)) for region, (out,) in zip(sampled, states, strict=True))
    jobs = [job for region, result in results for job in finish(region, result)]
    programs.map(lambda job: job(), jobs)
    del states, jobs

    def run_alone(region: Region) -> None:
        state = program.first(*inputs(region))
        for segment, total in zip(program.rest, totals, strict=True):
            state = segment(total, *state[1:])
        for job in finish(region, np.asarray(state[0])):
            job()

    rest = set(range(len(regions))) - set(chosen)
    programs.map(run_alone, [regions[i] for i in sorted(rest)])


def _total(sums: list) -> np.ndarray:
    """Sum in the order given, in double precision: the same bits whatever ran when."""
    total = np.zeros(sums[0].shape)
    for local in sums:
        total += np.asarray(local)
    return total.astype(np.float32)


def _sample(count: int, n: int) -> list[int]:
    """At most n of the numbers below `count`, spread evenly; in order."""
    if count <= n:
        return list(range(count))
    # Multiples of the golden ratio: no stride that could coincide with the rows of regions.
    keys = np.arange(count, dtype=np.uint64) * np.uint64(2654435769) % np.uint64(2**32)
    return [int(i) for i in np.sort(np.argsort(keys, kind="stable")[:n])]
