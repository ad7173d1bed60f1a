// The picture while its file is still being read: what has arrived, and the model's expectation
// of the rest of the sub-quantizers that have begun to arrive.

import { MeanFill } from "./fill.js";
import { setSymbols } from "./stages.js";

/**
 * Latents to paint, and up to which sub-quantizer they go.
 * @param {import("./codebooks.js").Codebooks} codebooks
 * @param {import("./order.js").CodingOrder} order
 * @param {import("./stages.js").StageView} view after the stages that have arrived
 * @param {import("./windows.js").KnownIndices} known all indices that have arrived
 */
export async function previewLatents(codebooks, order, view, known) {
  const quality = begun(order, known);
  const guessed = known.copy();
  const fill = new MeanFill(codebooks);
  for (const [block, origins] of order.blocks.entries()) {
    const isMissing = (y, x, m) => m < quality && known.values[known.at(y, x) + m] < 0;
    for (const chunk of order.chunksWhere(origins, null, isMissing)) {
      setSymbols(guessed, chunk, fill.symbols(await view.tables(block, chunk, guessed), chunk));
    }
  }
  const latents = codebooks.lookUp(guessed, quality);
  fill.soften(latents, order.grid.columns);
  return { latents, quality };
}

/** How many leading sub-quantizers are known of at least one token. */
function begun(order, known) {
  const { rows, columns } = order.grid;
  let quality = 1;
  for (let y = 0; y < rows; y++) {
    for (let x = 0; x < columns; x++) {
      const at = known.at(y, x);
      while (quality < order.quality && known.values[at + quality] >= 0) quality++;
    }
  }
  return quality;
}
