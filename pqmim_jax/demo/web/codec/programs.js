// The networks of an exported model, run by onnxruntime-web: `manifest.json` says what they are.

import { ModelError } from "../format/errors.js";
import { cumulativeTables } from "../format/pmf.js";
import { forEachToken } from "./order.js";

const FORMAT = "pqmim-export/3";
const SIZES = [
  ...["f", "num_codebooks", "num_codewords", "codeword_dim", "window", "halo"],
  ...["autoencoder_halo", "filter_halo", "mim_width"],
];
const ARRAYS = {
  float32: Float32Array,
  float64: Float64Array,
  int32: Int32Array,
  int64: BigInt64Array,
  uint8: Uint8Array,
};

/** Throws a ModelError, with one line, unless this is a manifest that this page can use. */
export function checkManifest(manifest) {
  if (manifest?.format !== FORMAT) {
    throw new ModelError(`the model folder's manifest is not of the format "${FORMAT}"`);
  }
  if (manifest.kind !== "onnx") {
    throw new ModelError(`the model folder holds "${manifest.kind}" programs; this page needs "onnx"`);
  }
  for (const name of SIZES) {
    if (!Number.isInteger(manifest.config?.[name]) || manifest.config[name] < 0) {
      throw new ModelError(`the model folder's manifest has no usable config.${name}`);
    }
  }
  if (manifest.config.outside !== "zero") {
    throw new ModelError("the model folder was exported by another version: export it again");
  }
  if (!/^[0-9a-f]{8}$/.test(manifest.fingerprint)) {
    throw new ModelError("the model folder's manifest has no usable fingerprint");
  }
  if (!/^[0-9a-f]{4}$/.test(manifest.decoder)) {
    throw new ModelError("the model folder's manifest has no usable decoder");
  }
}

/** Sizes of an array for a region; the manifest has them as numbers, or products like "16*rows". */
export function sizesOf(shape, [rows, cols]) {
  const known = { rows, cols };
  const size = (text) => text.split("*").reduce((n, each) => n * (known[each] ?? Number(each)), 1);
  return shape.map((each) => (typeof each === "string" ? size(each) : each));
}

/** The MIM and the autoencoder of a model. */
export class Programs {
  #fetchBytes;
  #sessions = new Map();

  /** `fetchBytes(file)` gives a file of the manifest's folder. */
  constructor(ort, manifest, fetchBytes) {
    this.ort = ort;
    this.config = manifest.config;
    this.programs = manifest.programs;
    this.#fetchBytes = fetchBytes;
  }

  /** Opens all that decoding takes; the encoder, which many visits do without, waits for its use. */
  async openDecoder() {
    const { context, head, decode, filter } = this.programs;
    for (const { file } of [context, head, ...decode, filter]) await this.#session(file);
  }

  async #session(file) {
    if (!this.#sessions.has(file)) {
      const bytes = await this.#fetchBytes(file);
      try {
        this.#sessions.set(file, await this.ort.InferenceSession.create(bytes));
      } catch (error) {
        throw new ModelError(`the program ${file} cannot be loaded: ${error.message}`);
      }
    }
    return this.#sessions.get(file);
  }

  /**
   * Runs a segment with its inputs in the manifest's order; resolves to its outputs' arrays. Inputs
   * that it does not have are left out: most models do not know the quality.
   * @param {number[]} region rows and columns of tokens; of the head, their number
   */
  async run(segment, inputs, region = []) {
    const feeds = {};
    segment.inputs.forEach(({ name, shape, dtype }, i) => {
      const given = inputs[i];
      const data = given instanceof ARRAYS[dtype] ? given : ARRAYS[dtype].from(given);
      feeds[name] = new this.ort.Tensor(dtype, data, sizesOf(shape, region));
    });
    const session = await this.#session(segment.file);
    const results = await session.run(feeds);
    return segment.outputs.map(({ name }) => results[name].data);
  }

  /** Context vectors of all tokens of some windows, given what is known, for files of a quality. */
  async contexts(grid, origins, known, quality, isFirst) {
    const { window, mim_width: width } = this.config;
    let count = 0;
    forEachToken(grid, origins, () => count++);
    let contexts = null;
    let inner = null;
    let token = 0;
    for (const origin of origins) {
      // Before the first stage all windows look alike: one run serves them all.
      if (!isFirst || inner === null) {
        const visible = known.windowOf(isFirst ? [0, 0] : origin);
        [inner] = await this.run(this.programs.context, [visible, [quality]]);
      }
      contexts ??= new inner.constructor(count * width);
      const [rows, columns] = grid.extent(origin);
      for (let y = 0; y < rows; y++, token += columns) {
        const from = y * window * width;
        contexts.set(inner.subarray(from, from + columns * width), token * width);
      }
    }
    return contexts;
  }

  /** Cumulative tables of sub-quantizer m for some members of a block, M known indices each. */
  async tables(contexts, members, known, m) {
    const { mim_width: width, num_codewords: K } = this.config;
    const { head } = this.programs;
    const rows = members.length;
    const block = new contexts.constructor(rows * width);
    for (let i = 0; i < rows; i++) {
      const from = members[i] * width;
      block.set(contexts.subarray(from, from + width), i * width);
    }
    const results = await this.run(head, [block, known, [m]], [rows]);
    const logits = results[head.outputs.findIndex(({ name }) => name === "fixed_logits")];
    return cumulativeTables(logits, rows, K);
  }
}
