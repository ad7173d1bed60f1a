import assert from "node:assert/strict";
import { test } from "node:test";

import { array, golden, WEB } from "./golden.mjs";

const load = (path) => import(new URL(path, WEB));
const { cut } = await load("codec/regions.js");
const { sizesOf } = await load("codec/programs.js");
const { decodeLatents, encodeLatents } = await load("codec/transform.js");

test("regions, what they show and their masks are those of Python", () => {
  for (const { tokens, limits, regions, size, image, shown, mask } of golden("regions")) {
    const found = cut(tokens, ...limits);
    assert.deepEqual(found.map(({ rows, columns }) => ({ rows, columns })), regions);
    const last = found.at(-1);
    assert.deepEqual(last.shown(array(Uint8Array, image), size, 2, 2), array(Uint8Array, shown));
    assert.deepEqual(last.mask, array(Float32Array, mask));
  }
});

test("regions put together give the picture", () => {
  for (const { tokens, limits, size, image } of golden("regions")) {
    const pixels = array(Uint8Array, image);
    const canvas = new Uint8Array(pixels.length);
    for (const region of cut(tokens, ...limits)) {
      region.place(canvas, size, 2, region.shown(pixels, size, 2, 2), 2);
    }
    assert.deepEqual(canvas, pixels);
  }
});

test("sizes of a region come from its rows and columns", () => {
  assert.deepEqual(sizesOf([3, "16*rows", "cols*rows", "cols"], [5, 7]), [3, 80, 35, 7]);
});

/** Programs that only move values: they show what goes where. */
class Mover {
  config = { f: 1, num_codebooks: 3, codeword_dim: 1, autoencoder_halo: 4, filter_halo: 1 };
  programs = {
    encode: [{ role: "sum", outputs: [] }, { role: "move", outputs: [] }],
    decode: [{ role: "sum", outputs: [] }, { role: "move", outputs: [] }],
    filter: { role: "filter" },
  };
  totals = [];

  async run({ role }, inputs, [rows, columns]) {
    if (role === "filter") {
      assert.equal(inputs[0].length, rows * columns * 3);
      return [Uint8Array.from(inputs[0])];
    }
    if (role === "move") {
      this.totals.push(inputs[0][0]);
      return [inputs[1]];
    }
    const mask = inputs.at(-1);
    assert.equal(mask.length, rows * columns);
    return [[mask.reduce((sum, each) => sum + (each === 1), 0)], Float32Array.from(inputs[0])];
  }
}

test("every pixel goes through the networks to its own place, counted once", async () => {
  for (const [rows, columns] of [[1, 1], [48, 32], [70, 90], [3, 700]]) {
    const grid = { rows, columns, height: rows, width: columns, f: 1 };
    const pixels = Uint8Array.from({ length: rows * columns * 3 }, (_, i) => i % 251);
    const programs = new Mover();
    const shares = [];
    const latents = await encodeLatents(programs, grid, pixels, (share) => shares.push(share));
    assert.deepEqual(latents, Float32Array.from(pixels));
    assert.deepEqual(await decodeLatents(programs, grid, latents, 1), pixels);
    assert.ok(programs.totals.every((total) => total === rows * columns));
    assert.equal(shares.at(-1), 1);
  }
});

/** Programs of one segment, as a backbone without sums has them. */
class WholeMover extends Mover {
  programs = {
    encode: [{ role: "whole", outputs: [] }],
    decode: [{ role: "whole", outputs: [] }],
    filter: { role: "filter" },
  };
  roles = [];

  async run(segment, inputs, shape) {
    this.roles.push(segment.role);
    return segment.role === "whole" ? [Float32Array.from(inputs[0])] : super.run(segment, inputs, shape);
  }
}

test("regions that share no sums are finished one by one", async () => {
  const grid = { rows: 70, columns: 90, height: 70, width: 90, f: 1 };
  const pixels = Uint8Array.from({ length: 70 * 90 * 3 }, (_, i) => i % 251);
  const programs = new WholeMover();
  const latents = await encodeLatents(programs, grid, pixels);
  assert.deepEqual(latents, Float32Array.from(pixels));
  const regions = programs.roles.length;
  assert.ok(regions > 1);
  programs.roles = [];
  assert.deepEqual(await decodeLatents(programs, grid, latents, 1), pixels);
  assert.equal(programs.roles.filter((role) => role === "whole").length, regions);
  programs.roles.forEach((role, i, all) => assert.ok(role === "filter" || all[i + 1] === "filter"));
});
