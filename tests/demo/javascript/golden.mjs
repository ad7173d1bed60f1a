// Reads what tests/demo/golden.py wrote.

import { readFileSync } from "node:fs";
import { join } from "node:path";

export const WEB = new URL("../../../pqmim_jax/demo/web/", import.meta.url);

export function golden(name) {
  return JSON.parse(readFileSync(join(process.env.PQMIM_GOLDEN, `${name}.json`), "utf8"));
}

/** An array of the given type from base64. */
export function array(Type, text) {
  const bytes = Buffer.from(text, "base64");
  return new Type(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
}
