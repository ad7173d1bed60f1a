// The autoencoder over a picture of any size: windows that share their sums over tokens, as in
// pqmim_jax/codec/transform.py. All windows run to the first sum, the sums are added up, all go on
// from the total to the next one; of a large picture some windows stand for all of them.

const MAX_SAMPLED = 64;
const MAX_STATE_BYTES = 512 * 2 ** 20;
const BYTES = { float32: 4, float64: 8, int32: 4, int64: 8, uint8: 1 };

/** Latents (h, w, M, d) of a picture (H, W, 3) of the grid's size. */
export async function encodeLatents(programs, grid, pixels, onWindow) {
  const { num_codebooks: M, codeword_dim: d, autoencoder_halo } = programs.config;
  grid = grid.withHalo(autoencoder_halo);
  const latents = new Float32Array(grid.rows * grid.columns * M * d);
  await runWindows(programs, programs.programs.encode, grid.origins, {
    inputs: (origin) => [
      grid.cut(pixels, grid.height, grid.width, 3, origin, grid.f),
      grid.maskOf(origin),
    ],
    place: (origin, core) => grid.place(latents, grid.rows, grid.columns, M * d, origin, core, 1),
    onWindow,
  });
  return latents;
}

/** Picture (H, W, 3) of latents (h, w, M, d); sub-vectors from `quality` on are ignored. */
export async function decodeLatents(programs, grid, latents, quality, onWindow) {
  const { num_codebooks: M, codeword_dim: d, autoencoder_halo } = programs.config;
  grid = grid.withHalo(autoencoder_halo);
  const picture = new Uint8Array(grid.height * grid.width * 3);
  await runWindows(programs, programs.programs.decode, grid.origins, {
    inputs: (origin) => [
      grid.cut(latents, grid.rows, grid.columns, M * d, origin, 1),
      [quality],
      grid.maskOf(origin),
    ],
    place: (origin, core) => grid.place(picture, grid.height, grid.width, 3, origin, core, grid.f),
    onWindow,
  });
  return picture;
}

async function runWindows(programs, segments, origins, { inputs, place, onWindow }) {
  const [first, ...rest] = segments;
  const affordable = Math.max(1, Math.floor(MAX_STATE_BYTES / stateBytes(segments)));
  const sampled = sample(origins, Math.min(MAX_SAMPLED, affordable));
  const steps = sampled.length * segments.length + (origins.length - sampled.length);
  let done = 0;
  const tick = () => onWindow?.(++done / steps);
  const totals = [];
  const states = [];
  for (const origin of sampled) {
    states.push(await programs.run(first, inputs(origin)));
    await tick();
  }
  for (const segment of rest) {
    const total = sumOf(states.map(([sums]) => sums));
    totals.push(total);
    for (let i = 0; i < states.length; i++) {
      states[i] = await programs.run(segment, [total, ...states[i].slice(1)]);
      await tick();
    }
  }
  sampled.forEach((origin, i) => place(origin, states[i][0]));
  const isSampled = new Set(sampled);
  for (const origin of origins.filter((each) => !isSampled.has(each))) {
    let state = await programs.run(first, inputs(origin));
    for (const [i, segment] of rest.entries()) {
      state = await programs.run(segment, [totals[i], ...state.slice(1)]);
    }
    place(origin, state[0]);
    await tick();
  }
}

/** The most that one window keeps from one segment to the next. */
function stateBytes(segments) {
  return Math.max(
    ...segments.map(({ outputs }) =>
      outputs.reduce((sum, { shape, dtype }) => sum + (BYTES[dtype] ?? 4) * shape.reduce((a, b) => a * b, 1), 0),
    ),
  );
}

/** Sum in the order given, in double precision, rounded to float32 at the end. */
function sumOf(arrays) {
  const total = new Float64Array(arrays[0].length);
  for (const array of arrays) for (let i = 0; i < total.length; i++) total[i] += array[i];
  return Float32Array.from(total);
}

/** At most n windows, spread evenly by multiples of the golden ratio; in raster order. */
function sample(origins, n) {
  if (origins.length <= n) return origins;
  const keys = origins.map((_, i) => Math.imul(i, 0x9e3779b9) >>> 0);
  const chosen = [...keys.keys()].sort((a, b) => keys[a] - keys[b]).slice(0, n);
  return chosen.sort((a, b) => a - b).map((i) => origins[i]);
}
