// Runs the codec away from the page, so that it stays responsive.

import * as ort from "../runtime/ort.wasm.min.mjs";

import { Codec } from "../codec/codec.js";
import { ModelError } from "../format/errors.js";
import { readPhoto } from "./photo.js";

const MAX_THREADS = 4;
const MODEL = new URL("../model/", import.meta.url);

class Cancelled extends Error {}

let codec;
let currentJob = 0;

const opening = open();
opening.catch(() => {}); // the page was told; whoever awaits it is told again

self.onmessage = async ({ data: request }) => {
  currentJob = request.job;
  try {
    await opening;
    if (request.type === "decode") await decode(request);
    else await encode(request);
  } catch (error) {
    if (error instanceof Cancelled) return;
    post(request.job, { type: "error", message: describe(error) });
  }
};

async function open() {
  // Threads need shared memory, which browsers give to isolated pages only.
  const cores = self.crossOriginIsolated ? navigator.hardwareConcurrency : 1;
  ort.env.wasm.numThreads = Math.max(1, Math.min(MAX_THREADS, cores));
  ort.env.wasm.wasmPaths = new URL("../runtime/", import.meta.url).href;
  ort.env.logLevel = "error";
  try {
    codec = await Codec.load(ort, fetchBytes);
    const { model, rateWeights } = codec;
    const threads = ort.env.wasm.numThreads;
    post(0, { type: "ready", model, rateWeights, threads });
  } catch (error) {
    post(0, { type: "fatal", message: describe(error) });
    throw error;
  }
}

async function fetchBytes(file) {
  let response;
  try {
    response = await fetch(new URL(file, MODEL));
  } catch {
    throw new ModelError(`${file} cannot be fetched: has the server been stopped?`);
  }
  if (!response.ok) throw new ModelError(`the model folder has no ${file}`);
  return new Uint8Array(await response.arrayBuffer());
}

async function decode({ job, bytes, wantsPreviews }) {
  const { picture, facts } = await codec.decode(bytes, {
    header: (found) => post(job, { type: "header", facts: found }),
    progress: (text, share) => progress(job, text, share),
    stage: (stages, stageBits) => post(job, { type: "stage", stages, stageBits }),
    preview: wantsPreviews
      ? (found, stages) => post(job, { type: "preview", picture: found, stages })
      : null,
  });
  await progress(job, "Done", 1);
  post(job, { type: "decoded", picture, facts });
}

async function encode({ job, file, longestSide, quality }) {
  quality ??= codec.model.qualities;
  await progress(job, "Reading the photo", 0);
  const photo = await readPhoto(file, longestSide);
  post(job, { type: "photo", picture: photo });
  const rateWeight = codec.rateWeights[quality - 1];
  const { data, picture, facts } = await codec.encode(photo, { quality, rateWeight }, {
    progress: (text, share) => progress(job, text, share),
  });
  await progress(job, "Done", 1);
  post(job, { type: "encoded", data, picture, facts, fileBytes: file.size });
}

/** Tells the page, and lets messages from it in: a newer job ends this one. */
async function progress(job, text, share) {
  post(job, { type: "progress", text, share });
  await new Promise((resolve) => setTimeout(resolve));
  if (job !== currentJob) throw new Cancelled();
}

function post(job, message) {
  self.postMessage({ job, ...message });
}

function describe(error) {
  const text = String(error?.message ?? error).split("\n")[0];
  if (/memory/i.test(text)) return `the browser ran out of memory: ${text}`;
  return text;
}
