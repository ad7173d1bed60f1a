// Schedules by name, such as "qlds(stages=3,alpha=2.2)*coarse_first(size=4)": the grammar of
// pqmim_jax/masking/schedules.py. The text may come from a file somebody else wrote.

import * as codebook from "./codebook.js";
import * as spatial from "./spatial.js";

const MAX_INDICES = 2 ** 24;
const MAX_SPEC_LENGTH = 256;
const TERM = /^ *([A-Za-z0-9_]+) *(?:\(([^()]*)\) *)?$/;
const ARGUMENT = /^ *([A-Za-z0-9_]+) *= *([A-Za-z0-9_.+-]+) *$/;

const SPATIAL = {
  one_shot: [spatial.oneShot, {}],
  raster: [spatial.raster, {}],
  checkerboard: [spatial.checkerboard, {}],
  quincunx: [spatial.quincunx, { levels: "3" }],
  qlds: [spatial.qlds, { stages: "8", alpha: "2.2" }],
  random: [spatial.random, { stages: "8", seed: "0", alpha: "1.0" }],
};
const CODEBOOK = {
  joint: [codebook.joint, {}],
  codebook_major: [codebook.codebookMajor, { groups: "M" }],
  token_major: [codebook.tokenMajor, { groups: "M" }],
  coarse_first: [codebook.coarseFirst, { size: "4" }],
  coarse_then_fine: [codebook.coarseThenFine, { size: "6" }],
};

const INTEGER = /^[0-9]{1,10}$/;
const LIMITS = {
  stages: [1, 4096],
  levels: [1, 12],
  seed: [0, 2 ** 32 - 1],
  groups: [1, 256],
  size: [1, 256],
};
const ALPHA = /^([0-9]{1,2})(?:\.([0-9]{1,4}))?$/;
const ALPHA_LIMITS = [1000, 100000]; // in steps of 1/10000

/**
 * The stage in which each index of a code grid is coded.
 * @param {string} spec
 * @param {[number, number, number]} grid h, w, M
 * @returns {{stages: Int32Array, count: number}} h * w * M stages, m fastest, and how many there are
 * @throws {RangeError} with one line, if the spec or the grid is unusable
 */
export function stageMap(spec, [h, w, M]) {
  if (Math.min(h, w, M) < 1 || h * w * M > MAX_INDICES) {
    throw new RangeError(`a grid has sizes >= 1 and at most ${MAX_INDICES} indices`);
  }
  const [first, second] = parse(spec);
  const positions = SPATIAL[first.name][0](h, w, first.values);
  const spatialStages = positions.reduce((most, stage) => Math.max(most, stage), 0) + 1;
  const product = CODEBOOK[second.name][0](spatialStages, M, second.values);
  const stages = new Int32Array(h * w * M);
  let count = 0;
  for (let i = 0; i < stages.length; i++) {
    stages[i] = product(positions[Math.floor(i / M)], i % M);
    if (stages[i] >= count) count = stages[i] + 1;
  }
  return { stages, count };
}

/** Throws a RangeError, with one line, unless `spec` is a schedule. */
export function checkSchedule(spec) {
  parse(spec);
}

function parse(spec) {
  if (spec.length > MAX_SPEC_LENGTH) {
    throw new RangeError(`a schedule is ASCII text of at most ${MAX_SPEC_LENGTH} characters`);
  }
  const terms = spec.split("*");
  if (terms.length > 2) {
    throw new RangeError(`a schedule is SPATIAL or SPATIAL*CODEBOOK, with one '*', not '${spec}'`);
  }
  if (terms.length === 2) {
    return [parseOrder(terms[0], "spatial order", SPATIAL),
            parseOrder(terms[1], "codebook order", CODEBOOK)];
  }
  const order = parseOrder(terms[0], "schedule", { ...SPATIAL, ...CODEBOOK });
  if (Object.hasOwn(SPATIAL, order.name)) return [order, { name: "joint", values: {} }];
  return [{ name: "one_shot", values: {} }, order];
}

function parseOrder(text, what, choices) {
  const match = TERM.exec(text);
  if (!match) throw new RangeError(`expected name or name(key=value,...) as ${what}, not '${text}'`);
  const [, name, inside] = match;
  if (!Object.hasOwn(choices, name)) {
    throw new RangeError(`unknown ${what} '${name}', choices: ${Object.keys(choices).join(", ")}`);
  }
  const texts = { ...choices[name][1] };
  const given = new Set();
  for (const argument of inside?.replaceAll(" ", "") ? inside.split(",") : []) {
    const [key, value] = parseArgument(argument, name, texts);
    if (given.has(key)) throw new RangeError(`${key} is given twice inside ${name}(...)`);
    given.add(key);
    texts[key] = value;
  }
  const values = Object.fromEntries(
    Object.entries(texts).map(([key, value]) => [key, parseValue(key, value)]),
  );
  return { name, values };
}

function parseArgument(argument, name, known) {
  const match = ARGUMENT.exec(argument);
  if (!match) throw new RangeError(`expected key=value inside ${name}(...), not '${argument}'`);
  if (!Object.hasOwn(known, match[1])) {
    const choices = Object.keys(known).join(", ") || "none";
    throw new RangeError(`unknown key of ${name} '${match[1]}', choices: ${choices}`);
  }
  return [match[1], match[2]];
}

/** An integer; for alpha its 10000-fold; null for groups=M. */
function parseValue(key, text) {
  if (key === "groups" && text === "M") return null;
  if (key === "alpha") return parseAlpha(text);
  const [low, high] = LIMITS[key];
  if (!INTEGER.test(text) || Number(text) < low || Number(text) > high) {
    throw new RangeError(`${key} must be an integer from ${low} to ${high}, not '${text}'`);
  }
  return Number(text);
}

function parseAlpha(text) {
  const match = ALPHA.exec(text);
  const value = match ? Number(match[1]) * 10000 + Number((match[2] ?? "").padEnd(4, "0")) : NaN;
  if (!(value >= ALPHA_LIMITS[0] && value <= ALPHA_LIMITS[1])) {
    throw new RangeError(`alpha must be a number from 0.1 to 10 with at most 4 decimals, not '${text}'`);
  }
  return value;
}
