// Spatial orders: the stage of each position of an h x w grid, as in pqmim_jax/masking/spatial.py.
// Each returns an Int32Array of h * w values 0..S-1, row by row, every stage non-empty.

import { cumulativeSizes } from "./power_law.js";

export function oneShot(h, w) {
  return new Int32Array(h * w);
}

export function raster(h, w) {
  return Int32Array.from({ length: h * w }, (_, i) => i);
}

export function checkerboard(h, w) {
  return byPosition(h, w, (y, x) => (y + x) % 2);
}

/** The lattice of step 2**levels, its centres, the rest of the next lattice, and so on. */
export function quincunx(h, w, { levels }) {
  return closeGaps(
    byPosition(h, w, (y, x) => {
      const step = (y | x) & -(y | x); // of the coarsest lattice that the position lies on
      const level = 31 - Math.clz32(step);
      if (step === 0 || level >= levels) return 0;
      const isCentre = (y & step) !== 0 && (x & step) !== 0;
      return 2 * (levels - 1 - level) + (isCentre ? 1 : 2);
    }),
  );
}

/** Quantized low-discrepancy (R2) sequence with power-law group sizes. */
export function qlds(h, w, { stages, alpha }) {
  return split(r2Order(h, w), stages, alpha);
}

/** A seeded order by SplitMix64, cut into groups as `qlds` cuts its own. */
export function random(h, w, { stages, seed, alpha }) {
  const start = splitMix(BigInt.asUintN(64, BigInt(seed) * GOLDEN_GAMMA));
  const keys = BigUint64Array.from({ length: h * w }, (_, i) =>
    splitMix(BigInt.asUintN(64, BigInt(i + 1) * GOLDEN_GAMMA + start)),
  );
  const order = Int32Array.from(keys.keys()); // the hash has no collisions: no ties
  order.sort((a, b) => (keys[a] < keys[b] ? -1 : 1));
  return split(order, stages, alpha);
}

function byPosition(h, w, stage) {
  return Int32Array.from({ length: h * w }, (_, i) => stage(Math.floor(i / w), i % w));
}

/** Renumbers stages as 0..S-1 in the same order. */
function closeGaps(stages) {
  const present = [...new Set(stages)].sort((a, b) => a - b);
  const number = new Map(present.map((stage, i) => [stage, i]));
  return stages.map((stage) => number.get(stage));
}

const GOLDEN_GAMMA = 0x9e3779b97f4a7c15n;

function splitMix(state) {
  state = BigInt.asUintN(64, (state ^ (state >> 30n)) * 0xbf58476d1ce4e5b9n);
  state = BigInt.asUintN(64, (state ^ (state >> 27n)) * 0x94d049bb133111ebn);
  return state ^ (state >> 31n);
}

// floor(2**64 / phi2) and floor(2**64 / phi2**2) as [upper, lower] 32 bits.
const R2_STEPS = [
  [0xc13fa9a9, 0x02a6328f],
  [0x91e10da5, 0xc79e7b1c],
];

/** Row-major positions in the order in which the R2 sequence first meets them. */
function r2Order(h, w) {
  const order = new Int32Array(h * w);
  const seen = new Uint8Array(h * w);
  const rows = new Multiples(R2_STEPS[0], h);
  const columns = new Multiples(R2_STEPS[1], w);
  for (let found = 0; found < order.length; ) {
    const cell = rows.next() * w + columns.next();
    if (seen[cell]) continue;
    seen[cell] = 1;
    order[found++] = cell;
  }
  return order;
}

/** floor(frac(n * step) * size) for n = 1, 2, ..., of the upper 32 bits of the fraction. */
class Multiples {
  constructor([high, low], size) {
    this.step = [high, low];
    this.size = size;
    this.high = this.low = 0;
  }

  next() {
    const low = this.low + this.step[1];
    this.low = low >>> 0;
    this.high = (this.high + this.step[0] + (low > 0xffffffff ? 1 : 0)) >>> 0;
    // high * size >> 32, in two steps that stay below 2**53.
    const upper = Math.floor(this.high / 65536) * this.size;
    const lower = Math.floor(((this.high % 65536) * this.size) / 65536);
    return Math.floor((upper + lower) / 65536);
  }
}

function split(order, stages, alpha) {
  const map = new Int32Array(order.length);
  let begin = 0;
  cumulativeSizes(order.length, stages, alpha).forEach((end, stage) => {
    for (; begin < end; begin++) map[order[begin]] = stage;
  });
  return map;
}
