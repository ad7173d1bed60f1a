// A loaded model that turns `.pqm` bytes into pictures and pictures into `.pqm` bytes.

import { unpack } from "../format/container.js";
import { ALPHA, attachmentName, codedSize, makeHeader } from "../format/header.js";
import { ModelError } from "../format/errors.js";
import { decodeAlpha, encodeAlpha, joinChannels, splitChannels } from "./channels.js";
import { Codebooks } from "./codebooks.js";
import { CodingOrder } from "./order.js";
import { previewLatents } from "./preview.js";
import { Programs, checkManifest } from "./programs.js";
import { checkHeader, checkLength, hex, readContent } from "./reading.js";
import { resizeBicubic } from "./resize.js";
import { decodeLatents, encodeLatents } from "./transform.js";
import { WindowGrid } from "./windows.js";
import { writeFile } from "./writing.js";

export class Codec {
  constructor(manifest, programs, codebooks) {
    const { config } = manifest;
    this.programs = programs;
    this.codebooks = codebooks;
    this.config = config;
    this.model = {
      name: manifest.model,
      fingerprint: Number.parseInt(manifest.fingerprint, 16),
      decoder: Number.parseInt(manifest.decoder, 16),
      qualities: config.num_codebooks,
    };
  }

  /**
   * Loads an exported model.
   * @param {object} ort the module onnxruntime-web
   * @param {(file: string) => Promise<Uint8Array>} fetchBytes a file of the exported folder
   * @throws {ModelError}
   */
  static async load(ort, fetchBytes) {
    let manifest;
    try {
      manifest = JSON.parse(new TextDecoder().decode(await fetchBytes("manifest.json")));
    } catch (error) {
      if (error instanceof ModelError) throw error;
      throw new ModelError("the model folder's manifest.json is not JSON");
    }
    checkManifest(manifest);
    const { file, shape } = manifest.codebooks;
    const bytes = await fetchBytes(file);
    if (bytes.length !== 4 * shape.reduce((a, b) => a * b, 1)) {
      throw new ModelError(`${file} has ${bytes.length} bytes, not those of ${shape.join(" x ")}`);
    }
    const codebooks = new Codebooks(new Float32Array(bytes.slice().buffer), shape);
    const programs = new Programs(ort, manifest, fetchBytes);
    await programs.openDecoder();
    return new Codec(manifest, programs, codebooks);
  }

  /** Default lambda of each quality. */
  get rateWeights() {
    return this.config.rate_weights ?? new Array(this.model.qualities).fill(0);
  }

  #order(header) {
    const [height, width] = codedSize(header);
    const { f, window, halo } = this.config;
    const grid = new WindowGrid({ height, width, f, window, halo });
    return new CodingOrder(grid, header.quality, header.schedule ?? this.config.schedule);
  }

  /**
   * The picture of a file.
   * @param {Uint8Array} data
   * @param {object} on `header(facts)`, `progress(text, share)`, `stage(stagesKnown, stageBits)`,
   *   `preview(picture, stagesKnown)`; each may return a promise, and `preview` may be null
   * @returns {Promise<{picture: {pixels: Uint8Array, width: number, height: number}, facts: object}>}
   *   pixels RGBA
   */
  async decode(data, on) {
    const { header, payload } = unpack(data);
    checkHeader(header, this.model);
    const order = this.#order(header);
    checkLength(header, order, this.codebooks.K, payload.data.length);
    const facts = this.#facts(header, order, data.length, data.length - payload.data.length);
    await on.header(facts);
    const stages = Math.min(header.stages ?? order.stageCount, order.stageCount);
    await on.progress(`Stage 1 of ${stages}`, 0);
    const content = await readContent(
      this.programs, this.codebooks, order, header, payload,
      async (stage, view, known, stageBits) => {
        await on.stage(stage, stageBits.slice(0, stage));
        await on.progress(`Stage ${stage + 1} of ${stages}`, stage / stages);
        if (on.preview) await on.preview(await this.#preview(header, order, view, known), stage);
      },
    );
    await on.progress("Painting", (stages - 0.5) / stages);
    const latents = this.codebooks.lookUp(content.known, header.quality);
    content.fill.soften(latents, order.grid.columns);
    const alpha = await decodeAlpha(content.attachments.get(ALPHA), header);
    const picture = await this.#paint(header, order, latents, header.quality, alpha);
    return { picture, facts: { ...facts, stageBits: content.stageBits.slice(0, stages) } };
  }

  /**
   * A file of a picture.
   * @param {{pixels: Uint8ClampedArray, width: number, height: number}} image RGBA
   * @param {{quality: number, rateWeight: number}} options
   * @param {object} on as in `decode`; only `progress` is used
   * @returns as `decode`, and `data`: the bytes of the file
   */
  async encode({ pixels, width, height }, { quality, rateWeight }, on) {
    const { colour, alpha, grey } = splitChannels(pixels);
    const { fingerprint, decoder } = this.model;
    const header = makeHeader({ width, height, quality, fingerprint, decoder, grey });
    const order = this.#order(header);
    await on.progress("Looking at the picture", 0);
    const latents = await encodeLatents(this.programs, order.grid, colour, (share) =>
      on.progress("Looking at the picture", 0.3 * share),
    );
    const attachments = new Map();
    if (alpha !== null) attachments.set(ALPHA, await encodeAlpha(alpha, width, height));
    const { data, known, stageBits } = await writeFile(
      this.programs, this.codebooks, order, header, latents, rateWeight, attachments,
      (stage) => on.progress(`Coding stage ${stage + 1} of ${order.stageCount}`,
                             0.3 + (0.4 * stage) / order.stageCount),
    );
    const codewords = this.codebooks.lookUp(known, quality);
    const picture = await this.#paint(header, order, codewords, quality, alpha, (share) =>
      on.progress("Painting", 0.7 + 0.3 * share),
    );
    const written = unpack(data);
    const headerBytes = data.length - written.payload.data.length;
    const facts = this.#facts(written.header, order, data.length, headerBytes);
    return { data, picture, facts: { ...facts, stageBits } };
  }

  async #preview(header, order, view, known) {
    const { latents, quality } = await previewLatents(this.codebooks, order, view, known);
    return this.#paint(header, order, latents, quality, null);
  }

  async #paint(header, order, latents, quality, alpha, onRegion) {
    const coded = await decodeLatents(this.programs, order.grid, latents, quality, onRegion);
    const size = [header.height, header.width];
    const colour = resizeBicubic(coded, codedSize(header), size);
    const { width, height } = header;
    return { pixels: joinChannels(colour, header.grey, alpha), width, height };
  }

  #facts(header, order, bytes, headerBytes) {
    return {
      ...header,
      schedule: header.schedule ?? this.config.schedule,
      bytes,
      headerBytes,
      model: this.model.name,
      fingerprint: hex(header.fingerprint, 8),
      decoder: hex(header.decoder, 4),
      decoderMatches: header.decoder === this.model.decoder,
      qualities: this.model.qualities,
      stageCount: order.stageCount,
      attachments: header.attachments.map(({ kind, length }) => ({
        name: attachmentName(kind),
        length,
      })),
    };
  }
}
