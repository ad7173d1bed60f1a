// What stands where a file holds no indices (yet): the mean codeword under the MIM's distribution.
// As `fill="mean"` of pqmim_jax/codec/fill.py; for what comes next the likeliest codeword counts.

import { TOTAL } from "../format/pmf.js";

/** Likeliest symbol of each row of cumulative tables, the first of equals. */
export function likeliest(tables, count) {
  const width = tables.length / count;
  return Uint16Array.from({ length: count }, (_, i) => {
    let best = 0;
    let most = 0;
    for (let k = 0, at = i * width; k < width - 1; k++, at++) {
      const frequency = tables[at + 1] - tables[at];
      if (frequency > most) [best, most] = [k, frequency];
    }
    return best;
  });
}

/** Collects means, and puts them in place of codewords. */
export class MeanFill {
  #means = [];

  /** @param {import("./codebooks.js").Codebooks} codebooks */
  constructor(codebooks) {
    this.codebooks = codebooks;
  }

  /** What stands for the missing symbols of a chunk. */
  symbols(tables, chunk) {
    const count = chunk.rows.length;
    const { K, d } = this.codebooks;
    const codebook = this.codebooks.of(chunk.m);
    const means = new Float32Array(count * d);
    const sum = new Float64Array(d);
    for (let i = 0; i < count; i++) {
      sum.fill(0);
      for (let k = 0, at = i * (K + 1); k < K; k++, at++) {
        const share = tables[at + 1] - tables[at];
        for (let j = 0; j < d; j++) sum[j] += share * codebook[k * d + j];
      }
      for (let j = 0; j < d; j++) means[i * d + j] = sum[j] / TOTAL;
    }
    this.#means.push([chunk, means]);
    return likeliest(tables, count);
  }

  /** Puts means in place of filled codewords in latents (h, w, M, d). */
  soften(latents, columns) {
    const { M, d } = this.codebooks;
    for (const [chunk, means] of this.#means) {
      for (let i = 0; i < chunk.rows.length; i++) {
        const token = chunk.rows[i] * columns + chunk.columns[i];
        latents.set(means.subarray(i * d, (i + 1) * d), (token * M + chunk.m) * d);
      }
    }
  }
}
