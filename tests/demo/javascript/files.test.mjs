import assert from "node:assert/strict";
import { test } from "node:test";

import { array, golden, WEB } from "./golden.mjs";

const load = (path) => import(new URL(path, WEB));
const { unpack } = await load("format/container.js");
const { codedSize } = await load("format/header.js");
const { Codec } = await load("codec/codec.js");
const { Codebooks } = await load("codec/codebooks.js");
const { CodingOrder } = await load("codec/order.js");
const { checkHeader, checkLength, readContent } = await load("codec/reading.js");
const { Programs, checkManifest } = await load("codec/programs.js");
const { KnownIndices, WindowGrid } = await load("codec/windows.js");
const { writeFile } = await load("codec/writing.js");

/** A model that says what the real one said, in the same order. */
class RecordedModel {
  constructor(chunks, quality) {
    this.rest = [...chunks];
    this.quality = quality;
  }

  async contexts(grid, origins, known, quality) {
    assert.equal(quality, this.quality);
    return null;
  }

  async tables(contexts, members, known, m) {
    const { m: expected, tables } = this.rest.shift();
    assert.equal(m, expected);
    return array(Uint32Array, tables);
  }
}

function setUp(file) {
  const { header, payload } = unpack(array(Uint8Array, file.data));
  const [height, width] = codedSize(header);
  const grid = new WindowGrid({ height, width, ...file.config });
  const order = new CodingOrder(grid, header.quality, header.schedule ?? file.config.schedule);
  const values = array(Float32Array, file.codebooks);
  const codebooks = new Codebooks(values, [file.M, file.K, values.length / file.M / file.K]);
  return { header, payload, order, codebooks };
}

function indicesOf(known) {
  const { rows, columns } = known.grid;
  const indices = [];
  for (let y = 0; y < rows; y++) {
    for (let x = 0; x < columns; x++) {
      const at = known.at(y, x);
      indices.push(...known.values.subarray(at, at + known.M));
    }
  }
  return Int32Array.from(indices);
}

const read = (file, header, payload, order, codebooks) => {
  checkLength(header, order, file.K, payload.data.length);
  const model = new RecordedModel(file.chunks, header.quality);
  return readContent(model, codebooks, order, header, payload, async () => {});
};

test("files decode to the indices of Python", async () => {
  for (const file of golden("files")) {
    const { header, payload, order, codebooks } = setUp(file);
    checkHeader(header, { name: "tiny", fingerprint: file.fingerprint, qualities: file.M });
    if (header.stages !== null) continue; // the rest would be the model's to imagine
    const content = await read(file, header, payload, order, codebooks);
    assert.deepEqual(indicesOf(content.known), array(Int32Array, file.indices));
    file.stage_bits.forEach((bits, i) => assert.ok(Math.abs(bits - content.stageBits[i]) < 1e-6));
  }
});

test("the same latents give the same files", async () => {
  for (const file of golden("files")) {
    const { header, order, codebooks } = setUp(file);
    if (header.stages !== null) continue;
    const { data } = await writeFile(
      new RecordedModel(file.chunks, header.quality), codebooks, order, { ...header, checkPeriod: null },
      array(Float32Array, file.latents), file.rate_weight, new Map(), null,
    );
    assert.deepEqual(data, array(Uint8Array, file.data));
  }
});

test("every damaged byte and every cut is an error", async () => {
  const [file] = golden("files");
  const bytes = array(Uint8Array, file.data);
  const model = { name: "tiny", fingerprint: file.fingerprint, qualities: file.M };
  const attempt = async (data) => {
    const { header, payload } = unpack(data);
    checkHeader(header, model);
    const [height, width] = codedSize(header);
    if (height * width > 1e6) throw new RangeError("only a forged header is that large");
    const grid = new WindowGrid({ height, width, ...file.config });
    const order = new CodingOrder(grid, header.quality, header.schedule ?? file.config.schedule);
    const { codebooks } = setUp(file);
    return read(file, header, payload, order, codebooks);
  };
  await attempt(bytes);
  for (let i = 0; i < bytes.length; i++) {
    await assert.rejects(attempt(bytes.slice(0, i)), { message: /./ }, `cut at ${i}`);
    for (const bit of [1, 128]) {
      const damaged = bytes.slice();
      damaged[i] ^= bit;
      await assert.rejects(attempt(damaged), { message: /./ }, `bit ${bit} of byte ${i}`);
    }
  }
});

test("files of another model, of too many pixels and of too few bytes are refused", () => {
  const [file] = golden("files");
  const { header, order } = setUp(file);
  const model = { name: "tiny", fingerprint: file.fingerprint, qualities: file.M };
  const refused = (changes, name) =>
    assert.throws(() => checkHeader({ ...header, ...changes }, model), { name });
  refused({ fingerprint: file.fingerprint ^ 1 }, "WrongModelError");
  refused({ width: 1e5, height: 1e5 }, "TooLargeError");
  refused({ quality: file.M + 1 }, "CorruptFileError");
  refused({ schedule: "spiral" }, "CorruptFileError");
  assert.throws(() => checkLength(header, order, file.K, 0), { name: "TruncatedFileError" });
});

test("another decoder than the file names is allowed, and told", async () => {
  const [file] = golden("files");
  const { header, codebooks } = setUp(file);
  checkHeader(header, { name: "tiny", ...file, decoder: file.decoder ^ 1, qualities: file.M });
  const factsFor = async (decoder) => {
    const hex = (number, digits) => number.toString(16).padStart(digits, "0");
    const manifest = {
      model: "tiny",
      fingerprint: hex(file.fingerprint, 8),
      decoder: hex(decoder, 4),
      config: { ...file.config, num_codebooks: file.M },
    };
    let facts;
    const enough = new Error("the header is enough");
    const on = { header: (found) => { facts = found; throw enough; } };
    const codec = new Codec(manifest, new RecordedModel([]), codebooks);
    await assert.rejects(codec.decode(array(Uint8Array, file.data), on), enough);
    assert.equal(facts.fingerprint, manifest.fingerprint);
    assert.equal(facts.decoder, hex(file.decoder, 4));
    return facts;
  };
  assert.equal((await factsFor(file.decoder)).decoderMatches, true);
  assert.equal((await factsFor(file.decoder ^ 1)).decoderMatches, false);
});

test("a manifest that lacks something is one clear error", () => {
  const sizes = ["f", "num_codebooks", "num_codewords", "codeword_dim", "window", "halo"];
  sizes.push("autoencoder_halo", "filter_halo", "mim_width");
  const config = { ...Object.fromEntries(sizes.map((name) => [name, 4])), outside: "zero" };
  const digests = { fingerprint: "0000053e", decoder: "00a1" };
  const manifest = { format: "pqmim-export/3", kind: "onnx", config, ...digests };
  checkManifest(manifest);
  const refused = (changes, message) =>
    assert.throws(() => checkManifest({ ...manifest, ...changes }), { name: "ModelError", message });
  refused({ format: "pqmim-export/2" }, /not of the format "pqmim-export\/3"/);
  refused({ kind: "stablehlo" }, /needs "onnx"/);
  for (const fingerprint of ["xyz", "53e", undefined]) refused({ fingerprint }, /fingerprint/);
  for (const decoder of ["000000a1", "g", undefined]) refused({ decoder }, /decoder/);
  refused({ config: null }, /config\.f$/);
  refused({ config: { ...config, outside: undefined } }, /another version/);
  for (const name of sizes) refused({ config: { ...config, [name]: "4" } }, new RegExp(`config.${name}$`));
  assert.throws(() => checkManifest(null), { name: "ModelError" });
});

test("a model is told the quality if its program asks for it", async () => {
  const grid = new WindowGrid({ height: 8, width: 8, f: 2, window: 4, halo: 1 });
  const visible = { name: "visible", shape: [6, 6, 1], dtype: "int32" };
  const quality = { name: "quality", shape: [], dtype: "int32" };
  const fed = async (inputs) => {
    const seen = [];
    const create = async () => ({
      run: async (feeds) => {
        seen.push(feeds);
        return { context: { data: new Uint8Array(16) } };
      },
    });
    const Tensor = class { constructor(type, data, dims) { Object.assign(this, { type, data, dims }); } };
    const context = { file: "context.onnx", inputs, outputs: [{ name: "context" }] };
    const manifest = { config: { window: 4, mim_width: 1 }, programs: { context } };
    const programs = new Programs({ Tensor, InferenceSession: { create } }, manifest, async () => null);
    await programs.contexts(grid, [[0, 0]], new KnownIndices(grid, 1), 7, false);
    return seen;
  };
  assert.deepEqual(Object.keys((await fed([visible]))[0]), ["visible"]);
  const [{ quality: told }] = await fed([visible, quality]);
  assert.deepEqual([told.type, [...told.data], told.dims], ["int32", [7], []]);
});
