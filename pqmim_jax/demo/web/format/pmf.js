// Integer softmax: frequencies from fixed-point logits, exact on every platform (FORMAT.md, 2).
// All products stay below 2**32, so doubles hold every intermediate value exactly.

import { bytesOf, crc32 } from "./crc32.js";

export const PRECISION = 16;
export const TOTAL = 1 << PRECISION;
export const MAX_FIXED_LOGIT = 2 ** 20;
export const MAX_ALPHABET = 4096;

const TABLE_ENTRIES = 190;
const TABLE_CRC = 0x67abec01;

// No exact value is near a tie, so any `exp` that is good to a few units in the last place serves.
export const EXP_TABLE = Uint32Array.from({ length: TABLE_ENTRIES }, (_, d) =>
  Math.round((TOTAL - 1) * Math.exp(-d / 16)),
);
if (crc32(bytesOf(EXP_TABLE)) !== TABLE_CRC) {
  throw new Error("this browser's Math.exp is too inexact to read .pqm files");
}

/**
 * Cumulative frequencies of `rows` distributions.
 * @param {Int32Array} logits rows * K fixed-point logits, within +-2**20
 * @param {number} rows
 * @param {number} K
 * @returns {Uint32Array} rows * (K + 1), each row from 0 to 2**16
 */
export function cumulativeTables(logits, rows, K) {
  const tables = new Uint32Array(rows * (K + 1));
  const weights = new Uint32Array(K);
  for (let row = 0; row < rows; row++) fillRow(logits, row * K, K, weights, tables, row * (K + 1));
  return tables;
}

function fillRow(logits, from, K, weights, tables, to) {
  let best = 0;
  let lowest = logits[from];
  for (let k = 1; k < K; k++) {
    if (logits[from + k] > logits[from + best]) best = k;
    if (logits[from + k] < lowest) lowest = logits[from + k];
  }
  const peak = logits[from + best];
  if (peak > MAX_FIXED_LOGIT || lowest < -MAX_FIXED_LOGIT) {
    throw new Error(`fixed-point logits must be within +-${MAX_FIXED_LOGIT}`);
  }
  let total = 0;
  for (let k = 0; k < K; k++) {
    weights[k] = EXP_TABLE[Math.min(peak - logits[from + k], TABLE_ENTRIES - 1)];
    total += weights[k];
  }
  let rest = TOTAL - K;
  for (let k = 0; k < K; k++) {
    weights[k] = Math.floor((weights[k] * (TOTAL - K)) / total);
    rest -= weights[k];
  }
  weights[best] += rest;
  for (let k = 0, sum = 0; k < K; k++) {
    sum += 1 + weights[k];
    tables[to + k + 1] = sum;
  }
}

/** Ideal bits of a symbol of this frequency. */
export function codeLength(frequency) {
  return PRECISION - Math.log2(frequency);
}
