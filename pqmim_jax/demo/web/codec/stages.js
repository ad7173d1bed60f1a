// Stage by stage through the code grid: the loop that encoder and decoder share.
//
// `model` offers
//   contexts(grid, origins, known, quality, isFirst) -> context vectors of all tokens of these
//     windows
//   tables(contexts, members, known, m) -> Uint32Array of (K + 1) entries for each member
// both asynchronously; `known` of `tables` is an Int32Array of M indices a member.

/**
 * Asks `source(tables, chunk)` for the symbols of the stages first..last - 1, chunk after chunk.
 * @param {object} model
 * @param {import("./order.js").CodingOrder} order
 * @param {import("./windows.js").KnownIndices} known symbols are written there
 * @param {[number, number]} range first and last + 1
 * @param {(tables: Uint32Array, chunk: object) => ArrayLike<number>} source
 * @param {(stage: number, view: StageView) => Promise<void>} [before] called before each stage
 */
export async function runStages(model, order, known, [first, end], source, before = null) {
  for (let stage = first; stage < end; stage++) {
    // Contexts see whole stages only, so that they do not depend on the order of blocks.
    const view = new StageView(model, order, known.copy(), stage === 0);
    if (before !== null) await before(stage, view);
    for (const [block, origins] of order.blocks.entries()) {
      for (const chunk of order.chunks(stage, origins)) {
        const symbols = source(await view.tables(block, chunk, known), chunk);
        setSymbols(known, chunk, symbols);
      }
    }
  }
}

/** What the MIM says of the tokens of a picture after some stages; computed when asked for. */
export class StageView {
  #contexts = new Map();

  constructor(model, order, known, isFirst) {
    Object.assign(this, { model, order, known, isFirst });
  }

  /** Cumulative tables of a chunk of block number `block`; `known` has the same tokens' indices. */
  async tables(block, chunk, known) {
    if (!this.#contexts.has(block)) {
      const origins = this.order.blocks[block];
      const { grid, quality } = this.order;
      this.#contexts.set(
        block,
        await this.model.contexts(grid, origins, this.known, quality, this.isFirst),
      );
    }
    const rows = knownOf(known, chunk);
    return this.model.tables(this.#contexts.get(block), chunk.members, rows, chunk.m);
  }
}

function knownOf(known, { rows, columns }) {
  const { M } = known;
  const result = new Int32Array(rows.length * M);
  for (let i = 0; i < rows.length; i++) {
    const at = known.at(rows[i], columns[i]);
    result.set(known.values.subarray(at, at + M), i * M);
  }
  return result;
}

/** Writes a chunk's symbols into `known`. */
export function setSymbols(known, { rows, columns, m }, symbols) {
  for (let i = 0; i < rows.length; i++) known.values[known.at(rows[i], columns[i]) + m] = symbols[i];
}
