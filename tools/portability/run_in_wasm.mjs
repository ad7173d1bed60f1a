// Runs programs of an export in onnxruntime-web, for a process that talks to this one in pipes.
//
//     node run_in_wasm.mjs EXPORT FOLDER     FOLDER has onnxruntime-web among its node_modules
//
// A request is a line of JSON, {"program", "inputs": [{"type", "dims"}]}, and the bytes of the
// inputs; the answer {"type", "dims"} and the bytes of the first output.
import fs from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { pathToFileURL } from "node:url";

const [exported, folder] = process.argv.slice(2);
const installed = createRequire(path.resolve(folder, "package.json")).resolve("onnxruntime-web");
const ort = await import(pathToFileURL(installed));
ort.env.logLevel = "error";
const ARRAYS = { uint8: Uint8Array, int32: Int32Array };
const sessions = {};

async function session(name) {
  const bytes = () => new Uint8Array(fs.readFileSync(path.join(exported, `${name}.onnx`)));
  return (sessions[name] ??= await ort.InferenceSession.create(bytes()));
}

let pending = Buffer.alloc(0);
const chunks = process.stdin[Symbol.asyncIterator]();

// Whether so many bytes have come, reading on until they have; false at the end of the requests.
async function have(enough) {
  while (!enough()) {
    const { value, done } = await chunks.next();
    if (done) return false;
    pending = Buffer.concat([pending, value]);
  }
  return true;
}

function take(size) {
  const bytes = pending.subarray(0, size);
  pending = pending.subarray(size);
  return bytes;
}

while (await have(() => pending.includes("\n"))) {
  const request = JSON.parse(take(pending.indexOf("\n") + 1));
  const program = await session(request.program);
  const feeds = {};
  for (const [i, { type, dims }] of request.inputs.entries()) {
    const count = dims.reduce((a, b) => a * b, 1);
    const size = count * ARRAYS[type].BYTES_PER_ELEMENT;
    await have(() => pending.length >= size);
    const data = new ARRAYS[type](new Uint8Array(take(size)).buffer);
    feeds[program.inputNames[i]] = new ort.Tensor(type, data, dims);
  }
  const { type, dims, data } = (await program.run(feeds))[program.outputNames[0]];
  process.stdout.write(`${JSON.stringify({ type, dims })}\n`);
  process.stdout.write(Buffer.from(data.buffer, data.byteOffset, data.byteLength));
}
