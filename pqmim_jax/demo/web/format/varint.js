// Unsigned LEB128 numbers of up to 32 bits, in their shortest form only.

import { CorruptFileError, TruncatedFileError } from "./errors.js";

const MAX_BYTES = 5;

/** Bytes (a plain array) of an integer in [0, 2**32). */
export function writeVarint(value) {
  const bytes = [];
  while (value >= 0x80) {
    bytes.push((value % 0x80) + 0x80);
    value = Math.floor(value / 0x80);
  }
  bytes.push(value);
  return bytes;
}

/** The number at data[position], and the position behind it: [value, position]. */
export function readVarint(data, position) {
  let value = 0;
  for (let count = 0; count < MAX_BYTES; count++) {
    if (position + count >= data.length) {
      throw new TruncatedFileError(`the file ends inside a number, after ${data.length} bytes`);
    }
    const byte = data[position + count];
    value += (byte & 0x7f) * 2 ** (7 * count); // not <<: that would wrap around at 2**31
    if (byte < 0x80) {
      if (value >= 2 ** 32) break;
      if (count > 0 && byte === 0) {
        throw new CorruptFileError(`the number at byte ${position} is not in shortest form`);
      }
      return [value, position + count + 1];
    }
  }
  throw new CorruptFileError(`the number at byte ${position} takes more than 32 bits`);
}
