import assert from "node:assert/strict";
import { test } from "node:test";

import { array, golden, WEB } from "./golden.mjs";

const load = (path) => import(new URL(path, WEB));
const { pack, readAttachments, unpack } = await load("format/container.js");
const { cumulativeTables } = await load("format/pmf.js");
const { RansDecoder, RansEncoder } = await load("format/rans.js");
const { SymbolReader, SymbolWriter } = await load("codec/stream.js");

const FIELDS = ["width", "height", "quality", "fingerprint", "schedule", "grey", "shrink", "stages"];

test("headers are read and written as Python does", () => {
  for (const { header: expected, data } of golden("headers").good) {
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
    const attachments = [...readAttachments(header, rest).values()];
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
  for (const { data, error } of golden("headers").bad) {
    const read = () => unpack(array(Uint8Array, data));
    if (error === null) read();
    else assert.throws(read, { name: error });
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
