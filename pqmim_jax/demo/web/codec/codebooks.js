// Codewords: looked up by the decoder, chosen by the encoder.

import { codeLength } from "../format/pmf.js";

const PEAK = 255;

/** M codebooks of K codewords of d dimensions. */
export class Codebooks {
  /** @param {Float32Array} values M * K * d */
  constructor(values, [M, K, d]) {
    Object.assign(this, { values, M, K, d });
    this.norms = Float32Array.from({ length: M * K }, (_, i) => {
      let norm = 0;
      for (let j = 0; j < d; j++) norm += values[i * d + j] ** 2;
      return norm;
    });
  }

  /** The codewords of sub-quantizer m: K * d values. */
  of(m) {
    return this.values.subarray(m * this.K * this.d, (m + 1) * this.K * this.d);
  }

  /** Codewords (h, w, M, d) of what is known; zeros from `quality` on, and where -1 is. */
  lookUp(known, quality) {
    const { rows, columns } = known.grid;
    const { M, d } = this;
    const latents = new Float32Array(rows * columns * M * d);
    for (let y = 0, token = 0; y < rows; y++) {
      for (let x = 0; x < columns; x++, token++) {
        const at = known.at(y, x);
        for (let m = 0; m < quality; m++) {
          const k = known.values[at + m];
          if (k < 0) continue;
          latents.set(this.of(m).subarray(k * d, (k + 1) * d), (token * M + m) * d);
        }
      }
    }
    return latents;
  }

  /**
   * Cheapest codeword of each token of a chunk: argmin of the squared error (8-bit units) and
   * `rateWeight` a bit.
   * @param {Float32Array} latents (h, w, M, d), `columns` tokens a row
   */
  choose(latents, columns, tables, chunk, rateWeight) {
    const { M, K, d } = this;
    const codebook = this.of(chunk.m);
    return Uint16Array.from(chunk.rows, (row, i) => {
      const from = ((row * columns + chunk.columns[i]) * M + chunk.m) * d;
      let best = 0;
      let lowest = Infinity;
      for (let k = 0, at = i * (K + 1); k < K; k++, at++) {
        let product = 0;
        for (let j = 0; j < d; j++) product += latents[from + j] * codebook[k * d + j];
        let cost = PEAK * PEAK * (this.norms[chunk.m * K + k] - 2 * product);
        if (rateWeight > 0) cost += rateWeight * codeLength(tables[at + 1] - tables[at]);
        if (cost < lowest) [best, lowest] = [k, cost];
      }
      return best;
    });
  }
}
