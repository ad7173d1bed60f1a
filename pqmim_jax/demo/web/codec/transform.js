// The autoencoder over a picture of any size: regions that share their sums over tokens, as in
// pqmim_jax/codec/transform.py. All regions run to the first sum, the sums are added up, all go on
// from the total to the next one; of a large picture some regions stand for all of them. Without
// sums regions have nothing to share.

import { sizesOf } from "./programs.js";
import { Region, cut } from "./regions.js";

const MAX_REGION = 2048;
const MAX_TILE = 512;
const [STEP, TILE_STEP] = [4, 2];
const MAX_SAMPLED = 24;
const MAX_STATE_BYTES = 512 * 2 ** 20;
const BYTES = { float32: 4, float64: 8, int32: 4, int64: 8, uint8: 1 };

/** Latents (h, w, M, d) of a picture (H, W, 3) of the grid's size. */
export async function encodeLatents(programs, grid, pixels, onRegion) {
  const { num_codebooks: M, codeword_dim: d, autoencoder_halo } = programs.config;
  const tokens = [grid.rows, grid.columns];
  const latents = new Float32Array(grid.rows * grid.columns * M * d);
  await runRegions(programs, "encode", cut(tokens, autoencoder_halo, MAX_REGION, STEP), {
    inputs: (region) => [
      region.shown(pixels, [grid.height, grid.width], 3, grid.f),
      region.mask,
    ],
    finish: async (region, result) => region.place(latents, tokens, M * d, result, 1),
    onRegion,
  });
  return latents;
}

/** Picture (H, W, 3) of latents (h, w, M, d); sub-vectors from `quality` on are ignored. */
export async function decodeLatents(programs, grid, latents, quality, onRegion) {
  const { num_codebooks: M, codeword_dim: d, autoencoder_halo } = programs.config;
  const tokens = [grid.rows, grid.columns];
  const picture = new Uint8Array(grid.height * grid.width * 3);
  await runRegions(programs, "decode", cut(tokens, autoencoder_halo, MAX_REGION, STEP), {
    inputs: (region) => [region.shown(latents, tokens, M * d, 1), [quality], region.mask],
    finish: (region, result) => filter(programs, grid, region, result, quality, picture),
    onRegion,
  });
  return picture;
}

/** Filters a region's own pixels, with what the filter sees around them. */
async function filter(programs, grid, region, unfiltered, quality, picture) {
  const { f, filter_halo: halo } = programs.config;
  const axes = [[region.rows, grid.rows], [region.columns, grid.columns]];
  const near = axes.map(([span, n]) => {
    const begin = Math.max(0, span.begin - halo);
    return { start: begin, size: Math.min(n, span.end + halo) - begin };
  });
  const size = near.map((each) => each.size);
  // The part of the region that is near its own pixels, in the region's own coordinates.
  const inner = near.map((each, i) => ({ ...each, start: each.start - axes[i][0].start }));
  const shown = region.shape.map((n) => n * f);
  const pixels = new Region(...inner).shown(unfiltered, shown, 3, f);
  for (const tile of cut(size, halo, MAX_TILE, TILE_STEP)) {
    const input = tile.shown(pixels, size.map((n) => n * f), 3, f);
    const [result] = await programs.run(programs.programs.filter, [input, [quality]], tile.shape);
    const own = [tile.rows, tile.columns].map((span, i) => ({
      ...span,
      begin: Math.max(span.begin, axes[i][0].begin - near[i].start),
      end: Math.min(span.end, axes[i][0].end - near[i].start),
    }));
    const origin = near.map((each) => each.start);
    new Region(...own).place(picture, [grid.height, grid.width], 3, result, f, origin);
  }
}

async function runRegions(programs, role, regions, { inputs, finish, onRegion }) {
  const segments = programs.programs[role];
  const [first, ...rest] = segments;
  const { shape } = regions[0];
  const affordable = Math.max(1, Math.floor(MAX_STATE_BYTES / stateBytes(segments, shape)));
  const sampled = rest.length ? sample(regions, Math.min(MAX_SAMPLED, affordable)) : [];
  // One step a segment, and one for what is done with the result.
  const steps = sampled.length * (segments.length + 1) + (regions.length - sampled.length);
  let done = 0;
  const tick = () => onRegion?.(++done / steps);
  const totals = [];
  const states = [];
  for (const region of sampled) {
    states.push(await programs.run(first, inputs(region), shape));
    await tick();
  }
  for (const segment of rest) {
    const total = sumOf(states.map(([sums]) => sums));
    totals.push(total);
    for (let i = 0; i < states.length; i++) {
      states[i] = await programs.run(segment, [total, ...states[i].slice(1)], shape);
      await tick();
    }
  }
  for (const [i, region] of sampled.entries()) {
    await finish(region, states[i][0]);
    states[i] = null;
    await tick();
  }
  const isSampled = new Set(sampled);
  for (const region of regions.filter((each) => !isSampled.has(each))) {
    let state = await programs.run(first, inputs(region), shape);
    for (const [i, segment] of rest.entries()) {
      state = await programs.run(segment, [totals[i], ...state.slice(1)], shape);
    }
    await finish(region, state[0]);
    await tick();
  }
}

/** The most that one region keeps from one segment to the next. */
function stateBytes(segments, region) {
  const bytes = ({ shape, dtype }) => (BYTES[dtype] ?? 4) * product(sizesOf(shape, region));
  return Math.max(
    ...segments.map(({ outputs }) => outputs.reduce((sum, each) => sum + bytes(each), 0)),
  );
}

function product(sizes) {
  return sizes.reduce((a, b) => a * b, 1);
}

/** Sum in the order given, in double precision, rounded to float32 at the end. */
function sumOf(arrays) {
  const total = new Float64Array(arrays[0].length);
  for (const array of arrays) for (let i = 0; i < total.length; i++) total[i] += array[i];
  return Float32Array.from(total);
}

/** At most n regions, spread evenly by multiples of the golden ratio; in raster order. */
function sample(regions, n) {
  if (regions.length <= n) return regions;
  const keys = regions.map((_, i) => Math.imul(i, 0x9e3779b9) >>> 0);
  const chosen = [...keys.keys()].sort((a, b) => keys[a] - keys[b]).slice(0, n);
  return chosen.sort((a, b) => a - b).map((i) => regions[i]);
}
