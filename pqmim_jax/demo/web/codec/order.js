// In which order the indices of a picture are coded: FORMAT.md, section 3.

import { stageMap } from "../schedule/schedule.js";

const WINDOWS_PER_BLOCK = 64; // part of the file format

/**
 * Indices that are coded together: one sub-quantizer, in one stage, of one block.
 * @typedef {object} Chunk
 * @property {number} stage
 * @property {number} m
 * @property {Int32Array} members which of the block's tokens
 * @property {Int32Array} rows of tokens in the picture
 * @property {Int32Array} columns
 */

export class CodingOrder {
  /** Of `quality` sub-quantizers of a picture, by the schedule `spec`. */
  constructor(grid, quality, spec) {
    this.grid = grid;
    this.quality = quality;
    const { stages, count } = stageMap(spec, [grid.window, grid.window, quality]);
    this.stageCount = count;
    this.windowStages = stages;
  }

  /** Origins of the windows of each block. */
  get blocks() {
    const { origins } = this.grid;
    const blocks = [];
    for (let i = 0; i < origins.length; i += WINDOWS_PER_BLOCK) {
      blocks.push(origins.slice(i, i + WINDOWS_PER_BLOCK));
    }
    return blocks;
  }

  /** The stage of index m of token (y, x). */
  stageOf(y, x, m) {
    const { window } = this.grid;
    return this.windowStages[((y % window) * window + (x % window)) * this.quality + m];
  }

  /** The non-empty chunks of the indices of a block that `wanted(y, x, m)`, in coding order. */
  chunksWhere(origins, stage, wanted) {
    const chunks = [];
    for (let m = 0; m < this.quality; m++) {
      const members = [];
      const rows = [];
      const columns = [];
      forEachToken(this.grid, origins, (y, x, member) => {
        if (!wanted(y, x, m)) return;
        members.push(member);
        rows.push(y);
        columns.push(x);
      });
      if (members.length) {
        const [a, b, c] = [members, rows, columns].map((list) => Int32Array.from(list));
        chunks.push({ stage, m, members: a, rows: b, columns: c });
      }
    }
    return chunks;
  }

  /** The non-empty chunks of a stage in a block, in coding order. */
  chunks(stage, origins) {
    return this.chunksWhere(origins, stage, (y, x, m) => this.stageOf(y, x, m) === stage);
  }

  /** Number of indices in the first `stages` stages; null is all. */
  symbolCount(stages) {
    const { rows, columns } = this.grid;
    if (stages === null || stages >= this.stageCount) return rows * columns * this.quality;
    let count = 0;
    forEachToken(this.grid, this.grid.origins, (y, x) => {
      for (let m = 0; m < this.quality; m++) count += this.stageOf(y, x, m) < stages;
    });
    return count;
  }
}

/** Calls visit(y, x, number) for the tokens of some windows, by window and in it by raster. */
export function forEachToken(grid, origins, visit) {
  let number = 0;
  for (const [row, column] of origins) {
    const [rows, columns] = grid.extent([row, column]);
    for (let y = row; y < row + rows; y++) {
      for (let x = column; x < column + columns; x++) visit(y, x, number++);
    }
  }
}
