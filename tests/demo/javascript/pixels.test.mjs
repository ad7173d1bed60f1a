import assert from "node:assert/strict";
import { test } from "node:test";

import { array, golden, WEB } from "./golden.mjs";

const { resizeBicubic } = await import(new URL("codec/resize.js", WEB));
const { joinChannels, splitChannels } = await import(new URL("codec/channels.js", WEB));

test("pictures are enlarged to the pixels of Python", () => {
  for (const { from, to, pixels, enlarged } of golden("resize")[0].cases) {
    assert.deepEqual(resizeBicubic(array(Uint8Array, pixels), from, to), array(Uint8Array, enlarged));
  }
});

test("grey is the luma of Python", () => {
  const [{ colour, luma }] = golden("resize");
  const joined = joinChannels(array(Uint8Array, colour), true, null);
  assert.deepEqual(joined.filter((_, i) => i % 4 === 0), array(Uint8Array, luma));
});

test("channels are split and joined", () => {
  const pixels = Uint8ClampedArray.of(1, 2, 3, 255, 4, 4, 4, 9);
  const { colour, alpha, grey } = splitChannels(pixels);
  assert.deepEqual([grey, [...alpha]], [false, [255, 9]]);
  assert.deepEqual([...joinChannels(colour, grey, alpha)], [...pixels]);
  const plain = splitChannels(Uint8ClampedArray.of(7, 7, 7, 255));
  assert.deepEqual([plain.grey, plain.alpha], [true, null]);
});
