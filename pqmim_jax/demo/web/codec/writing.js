// From the latents of a picture to the bytes of a file.

import { pack } from "../format/container.js";
import { checksumOf } from "./reading.js";
import { runStages } from "./stages.js";
import { SymbolWriter } from "./stream.js";
import { KnownIndices } from "./windows.js";

/**
 * Chooses codewords and codes them.
 * @param {object} model see stages.js
 * @param {import("./codebooks.js").Codebooks} codebooks
 * @param {import("../format/header.js").Header} header without checks and attachments
 * @param {Float32Array} latents (h, w, M, d)
 * @param {number} rateWeight squared error that one bit may cost; 0 takes the nearest codewords
 * @param {Map<number, Uint8Array>} attachments
 * @param {(stage: number) => Promise<void>} onStage called before each stage
 * @returns {Promise<{data: Uint8Array, known: KnownIndices, stageBits: number[]}>}
 */
export async function writeFile(
  model, codebooks, order, header, latents, rateWeight, attachments, onStage,
) {
  const writer = new SymbolWriter();
  const stageBits = new Array(order.stageCount).fill(0);
  const known = new KnownIndices(order.grid, codebooks.M);
  const source = (tables, chunk) => {
    const { columns } = order.grid;
    const symbols = codebooks.choose(latents, columns, tables, chunk, rateWeight);
    stageBits[chunk.stage] += writer.write(tables, symbols);
    return symbols;
  };
  await runStages(model, order, known, [0, order.stageCount], source, onStage);
  const kinds = [...attachments.keys()].sort((a, b) => a - b);
  const checkPeriod = writer.checkPeriod();
  const listed = kinds.map((kind) => ({ kind, length: attachments.get(kind).length }));
  const final = { ...header, checkPeriod, attachments: listed };
  const payload = writer.coder(checkPeriod).finish(checksumOf(final, order, known));
  const data = pack(final, payload, kinds.map((kind) => attachments.get(kind)));
  return { data, known, stageBits };
}
