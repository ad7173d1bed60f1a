// From the bytes of a file to its indices; whatever is wrong with it is a PqmError.

import { VERSION, indexChecksum, readAttachments } from "../format/container.js";
import {
  CorruptFileError,
  TooLargeError,
  TruncatedFileError,
  WrongModelError,
} from "../format/errors.js";
import { PRECISION } from "../format/pmf.js";
import { RansDecoder } from "../format/rans.js";
import { whereToFind } from "../format/released.js";
import { checkSchedule } from "../schedule/schedule.js";
import { MeanFill } from "./fill.js";
import { runStages } from "./stages.js";
import { SymbolReader, codeLengthOf } from "./stream.js";
import { KnownIndices } from "./windows.js";

export const MAX_PIXELS = 50_000_000; // a browser has no memory for more
const NOT_SENT = 65535;

/**
 * Refuses files that the model cannot decode, before anything is allocated. A file that names
 * another decoder is none of them: its indices are the same.
 */
export function checkHeader(header, model) {
  if (header.fingerprint !== model.fingerprint) {
    throw new WrongModelError(
      `the file was made with another model (fingerprint ${hex(header.fingerprint, 8)}; the model ` +
        `"${model.name}" of this page has ${hex(model.fingerprint, 8)})` +
        whereToFind(VERSION, header.fingerprint, header.decoder),
    );
  }
  if (header.width * header.height > MAX_PIXELS) {
    throw new TooLargeError(
      `the file claims ${header.width} x ${header.height} pixels, more than the ${MAX_PIXELS} ` +
        "that this page allows",
    );
  }
  if (header.quality > model.qualities) {
    throw new CorruptFileError(
      `the header claims quality ${header.quality}, the model has ${model.qualities}`,
    );
  }
  if (header.schedule === null) return;
  try {
    checkSchedule(header.schedule);
  } catch (error) {
    throw new CorruptFileError(`the header names an unusable schedule: ${error.message}`);
  }
}

/** Refuses a payload that is too short for the picture that the header claims. */
export function checkLength(header, order, K, size) {
  const cheapest = -Math.log2(1 - (K - 1) / 2 ** PRECISION);
  if (order.symbolCount(header.stages) * cheapest > 8 * size) {
    throw new TruncatedFileError(
      `${size} bytes are too few for ${header.width} x ${header.height} pixels`,
    );
  }
}

/**
 * Indices and attachments of a file.
 * @param {object} model see stages.js
 * @param {import("./codebooks.js").Codebooks} codebooks
 * @param {(stage: number, view: object, known: KnownIndices, bits: number[]) => Promise<void>}
 *   onStage called before each stage but the first, for previews
 * @returns {Promise<{known: KnownIndices, stageBits: number[], stageEnds: number[],
 *   attachments: Map<number, Uint8Array>, fill: MeanFill}>}
 */
export async function readContent(model, codebooks, order, header, payload, onStage) {
  const reader = new SymbolReader(new RansDecoder(payload), header.checkPeriod);
  const known = new KnownIndices(order.grid, codebooks.M);
  const stageBits = new Array(order.stageCount).fill(0);
  const stageEnds = new Array(order.stageCount).fill(0);
  const stages = Math.min(header.stages ?? order.stageCount, order.stageCount);
  const fromFile = (tables, chunk) => {
    const symbols = reader.read(tables, chunk.rows.length);
    stageBits[chunk.stage] += codeLengthOf(tables, symbols);
    stageEnds[chunk.stage] = reader.decoder.bytesRead;
    return symbols;
  };
  await runStages(model, order, known, [0, stages], fromFile, async (stage, view) => {
    if (stage > 0) await onStage(stage, view, known, stageBits);
  });
  const rest = payload.data.subarray(reader.decoder.bytesRead);
  if (reader.decoder.finish(rest.length) !== checksumOf(header, order, known)) {
    throw new CorruptFileError("damaged file: the checksum over the decoded indices is wrong");
  }
  const attachments = readAttachments(header, rest);
  const fill = new MeanFill(codebooks);
  const fromModel = (tables, chunk) => fill.symbols(tables, chunk);
  await runStages(model, order, known, [stages, order.stageCount], fromModel);
  return { known, stageBits, stageEnds, attachments, fill };
}

/** The checksum of a file that holds these indices. */
export function checksumOf(header, order, known) {
  const { rows, columns } = order.grid;
  const indices = new Uint16Array(rows * columns * order.quality);
  const stages = header.stages ?? Infinity;
  for (let y = 0, i = 0; y < rows; y++) {
    for (let x = 0; x < columns; x++) {
      for (let m = 0; m < order.quality; m++, i++) {
        const isSent = order.stageOf(y, x, m) < stages;
        indices[i] = isSent ? known.values[known.at(y, x) + m] : NOT_SENT;
      }
    }
  }
  return indexChecksum(header, indices);
}

/** A fingerprint (8 digits) or decoder (4) as people see it elsewhere. */
export function hex(digest, digits) {
  return digest.toString(16).padStart(digits, "0");
}
