import assert from "node:assert/strict";
import { test } from "node:test";

import { array, golden, WEB } from "./golden.mjs";

const load = (path) => import(new URL(path, WEB));
const { pack, readAttachments, unpack } = await load("format/container.js");
const { RELEASED, whereToFind } = await load("format/released.js");
const { bytesOf, crc32 } = await load("format/crc32.js");
const { cumulativeTables } = await load("format/pmf.js");
const { RansDecoder, RansEncoder } = await load("format/rans.js");
const { SymbolReader, SymbolWriter } = await load("codec/stream.js");

const FIELDS = [
  ...["width", "height", "quality", "fingerprint", "decoder"],
  ...["schedule", "grey", "shrink", "stages"],
];

test("headers are read and written as Python does", () => {
  for (const { header: expected, known, data } of golden("headers").good) {
    const bytes = array(Uint8Array, data);
    const { header, payload } = unpack(bytes);
    for (const name of FIELDS) assert.equal(header[name], expected[name], name);
    assert.equal(header.checkPeriod, expected.check_period);
    assert.deepEqual(header.attachments, expected.attachments);
    const decoder = new RansDecoder(payload);
    const table = Uint32Array.of(0, 3, 10, 65536);
    assert.equal(decoder.pop(table, 1)[0], 1);
    const rest = payload.data.subarray(decoder.bytesRead);
    assert.equal(decoder.finish(rest.length), 5);
    const found = readAttachments(header, rest);
    assert.deepEqual([...found.keys()], known);
    const attachments = header.attachments.map(({ length }) => new Uint8Array(length).fill(0x78));
    for (const [i, { kind }] of header.attachments.entries()) {
      if (found.has(kind)) assert.deepEqual(found.get(kind), attachments[i]);
    }
    const own = { ...payload, data: payload.data.subarray(0, decoder.bytesRead) };
    assert.deepEqual(pack(header, own, attachments), bytes);
    if (attachments.length) {
      assert.throws(() => readAttachments(header, rest.subarray(0, -1)), { name: "TruncatedFileError" });
      const damaged = rest.slice();
      damaged[damaged.length - 1] ^= 1;
      assert.throws(() => readAttachments(header, damaged), { name: "CorruptFileError" });
    }
  }
});

test("impossible headers are the same errors as in Python", () => {
  for (const { data, error, message } of golden("headers").bad) {
    const read = () => unpack(array(Uint8Array, data));
    if (error === null) read();
    else if (error !== "UnsupportedVersionError") assert.throws(read, { name: error });
    else assert.throws(read, { name: error, message });
  }
});

test("a file of version 2 is refused, and its reader named", () => {
  const data = Uint8Array.of(0x50, 0x51, 0x4d, 0x40, 0x34, 0x12, 0x4f, 0x0f, 0x00, 0xcc, 0x81);
  const message = /written by pqmim_jax 0\.1\.0 .* reads version 3 only; pqmim-jax 0\.1\.0 decodes/;
  assert.throws(() => unpack(data), { name: "UnsupportedVersionError", message });
  data.set([0x25, 0xe0], 4);
  assert.throws(() => unpack(data), /entropy model \(of model 'small'\)\. This version/);
});

test("released models are those that Python knows, and a line says who has one", () => {
  assert.deepEqual(RELEASED, golden("released"));
  assert.equal(whereToFind(3, 0x1234, 0), "");
  for (const [name, version, fingerprint, decoder, last] of RELEASED) {
    assert.ok(whereToFind(version, fingerprint, decoder).includes(`model '${name}'`));
    if (last) assert.ok(whereToFind(version, fingerprint, decoder).includes(`=${last}, or serve`));
  }
  assert.match(whereToFind(2, 0xe025, 7), /'small' of pqmim_jax 0\.1\.0, which this version no longer/);
});

test("an unknown ancillary attachment is checked", () => {
  const attachments = [{ kind: 0, length: 1 }, { kind: 16, length: 2 }];
  const crc = (...bytes) => [...bytes, ...bytesOf(Uint32Array.of(crc32(Uint8Array.from(bytes))))];
  const data = Uint8Array.from([...crc(9), ...crc(7, 8)]);
  assert.deepEqual([...readAttachments({ attachments }, data)], [[0, Uint8Array.of(9)]]);
  for (let i = 5; i < data.length; i++) {
    const cut = { name: "TruncatedFileError", message: /inside its kind-16 attachment/ };
    assert.throws(() => readAttachments({ attachments }, data.subarray(0, i)), cut);
    const damaged = data.slice();
    damaged[i] ^= 4;
    const wrong = { name: "CorruptFileError", message: /over its kind-16 attachment is wrong/ };
    assert.throws(() => readAttachments({ attachments }, damaged), wrong);
  }
});

test("frequencies are those of Python", () => {
  for (const { K, q, tables } of golden("pmf")) {
    const logits = array(Int32Array, q);
    assert.deepEqual(cumulativeTables(logits, logits.length / K, K), array(Uint32Array, tables));
  }
});

test("a logit out of range is an error", () => {
  assert.throws(() => cumulativeTables(Int32Array.of(0, 2 ** 20 + 1), 1, 2), /within/);
  assert.throws(() => cumulativeTables(Int32Array.of(0, -(2 ** 20) - 1), 1, 2), /within/);
});

function chunksOf(list) {
  return list.map(({ tables, symbols }) => [array(Uint32Array, tables), array(Uint16Array, symbols)]);
}

test("rANS payloads decode, and encode to the same bytes", () => {
  for (const { lanes, tail, chunks, data } of golden("rans")) {
    const bytes = array(Uint8Array, data);
    const encoder = new RansEncoder();
    const stateBytes = lanes > 1 ? 8 : null;
    for (const [tables, symbols] of chunksOf(chunks)) {
      const at = Array.from(symbols, (k, i) => (i * tables.length) / symbols.length + k);
      encoder.push(
        Uint32Array.from(at, (i) => tables[i]),
        Uint32Array.from(at, (i) => tables[i + 1] - tables[i]),
      );
    }
    const payload = encoder.finish(tail, lanes);
    assert.deepEqual(payload.data, bytes);
    assert.equal(stateBytes ?? payload.stateBytes, payload.stateBytes);
    const decoder = new RansDecoder(payload);
    for (const [tables, symbols] of chunksOf(chunks)) {
      if (symbols.length) assert.deepEqual(decoder.pop(tables, symbols.length), symbols);
    }
    assert.equal(decoder.finish(0), tail);
    assert.throws(() => decoder.finish(1), { name: "CorruptFileError" });
  }
});

test("a payload with checks: same bytes, and damage is located", () => {
  const { period, chunks, data, tail } = golden("checks");
  const writer = new SymbolWriter();
  for (const [tables, symbols] of chunksOf(chunks)) writer.write(tables, symbols);
  assert.equal(writer.checkPeriod(), period);
  const payload = writer.coder(period).finish(tail);
  assert.deepEqual(payload.data, array(Uint8Array, data));
  const readAll = (damaged) => {
    const reader = new SymbolReader(new RansDecoder(damaged), period);
    for (const [tables, symbols] of chunksOf(chunks)) {
      assert.deepEqual(reader.read(tables, symbols.length), symbols);
    }
    return reader.decoder.finish(0);
  };
  assert.equal(readAll(payload), tail);
  const cut = { ...payload, data: payload.data.subarray(0, payload.data.length >> 1) };
  assert.throws(() => readAll(cut), { name: "TruncatedFileError" });
  const damaged = { ...payload, data: payload.data.slice() };
  damaged.data[damaged.data.length >> 1] ^= 4;
  const reader = new SymbolReader(new RansDecoder(damaged), period);
  assert.throws(
    () => chunksOf(chunks).forEach(([tables, { length }]) => reader.read(tables, length)),
    /damaged file: between bytes \d+ and \d+/,
  );
});
