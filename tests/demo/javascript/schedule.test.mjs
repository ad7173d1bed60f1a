import assert from "node:assert/strict";
import { test } from "node:test";

import { array, golden, WEB } from "./golden.mjs";

const { stageMap } = await import(new URL("schedule/schedule.js", WEB));

test("stage maps are those of Python", () => {
  const { maps } = golden("schedules");
  assert.ok(maps.length > 100);
  for (const { spec, grid, stages } of maps) {
    const expected = array(Int32Array, stages);
    const found = stageMap(spec, grid);
    assert.deepEqual(found.stages, expected, `${spec} on ${grid}`);
    assert.equal(found.count, Math.max(...expected) + 1);
  }
});

test("what is no schedule in Python is none here", () => {
  for (const spec of golden("schedules").bad) {
    assert.throws(() => stageMap(spec, [4, 4, 4]), RangeError, spec);
  }
  assert.throws(() => stageMap("qlds", [4096, 4096, 2]), RangeError);
});
