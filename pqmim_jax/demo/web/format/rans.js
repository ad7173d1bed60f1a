// Interleaved rANS with 64-bit states and 32-bit words (FORMAT.md, section 4).
//
// A state is two 32-bit halves, since BigInt is some 30 times slower. Why doubles suffice for
//   x' = f * (x >> 16) + slot - c,  f <= 2**16, x = hi * 2**32 + lo:
// x >> 16 = hi * 2**16 + (lo >> 16), so x' = (f * hi) * 2**16 + f * (lo >> 16) + slot - c, where
// f * hi < 2**49 and the rest is below 2**33. The encoder divides by f in two steps of 32 bits,
// like long division on paper: the second dividend is below f * 2**32 <= 2**48.

import { CorruptFileError, TruncatedFileError } from "./errors.js";
import { chooseLanes } from "./lanes.js";
import { codeLength } from "./pmf.js";

const WORD = 2 ** 32;

/** Decodes the chunks of one payload in order. */
export class RansDecoder {
  #hi;
  #lo;
  #words;
  #head;
  #size;
  #position = 0;

  /** @param {{data: Uint8Array, lanes: number, stateBytes: number}} payload */
  constructor({ data, lanes, stateBytes }) {
    this.lanes = lanes;
    this.#head = lanes * stateBytes;
    this.#size = data.length;
    if (data.length < this.#head) {
      throw new TruncatedFileError(
        `the coder's states take ${this.#head} bytes, only ${data.length} are there`,
      );
    }
    this.#hi = new Uint32Array(lanes);
    this.#lo = new Uint32Array(lanes);
    for (let lane = 0; lane < lanes; lane++) this.#readState(data, lane, stateBytes);
    const whole = (data.length - this.#head) & ~3;
    this.#words = new Uint32Array(data.slice(this.#head, this.#head + whole).buffer);
  }

  #readState(data, lane, stateBytes) {
    let hi = 0;
    let lo = 0;
    for (let i = stateBytes - 1; i >= 0; i--) {
      const byte = data[lane * stateBytes + i];
      if (i >= 4) hi = hi * 256 + byte;
      else lo = lo * 256 + byte;
    }
    // The only state of a single lane is written in as few bytes as it needs.
    const lastByte = data[(lane + 1) * stateBytes - 1];
    if (hi === 0 || (this.lanes === 1 && lastByte === 0)) {
      throw new CorruptFileError("a state of the coder is below its smallest value");
    }
    this.#hi[lane] = hi;
    this.#lo[lane] = lo;
  }

  /** Bytes of the payload used so far, states included. */
  get bytesRead() {
    return this.#head + 4 * this.#position;
  }

  /**
   * The next chunk.
   * @param {Uint32Array} tables count * (K + 1) cumulative frequencies
   * @param {number} count
   * @returns {Uint16Array} count symbols
   */
  pop(tables, count) {
    const width = tables.length / count;
    const symbols = new Uint16Array(count);
    for (let i = 0, lane = 0; i < count; i++, lane = lane + 1 === this.lanes ? 0 : lane + 1) {
      const slot = this.#lo[lane] & 0xffff;
      const base = i * width;
      let low = base;
      let high = base + width - 1;
      while (high - low > 1) {
        const middle = (low + high) >> 1;
        if (tables[middle] <= slot) low = middle;
        else high = middle;
      }
      symbols[i] = low - base;
      this.#step(lane, tables[low + 1] - tables[low], slot - tables[low]);
    }
    return symbols;
  }

  /** The next chunk, of one symbol of 16 equally likely bits. */
  popUniform() {
    const slot = this.#lo[0] & 0xffff;
    this.#step(0, 1, 0);
    return slot;
  }

  #step(lane, frequency, rest) {
    const high = frequency * this.#hi[lane];
    const low = (high % 65536) * 65536 + frequency * (this.#lo[lane] >>> 16) + rest;
    const hi = Math.floor(high / 65536) + Math.floor(low / WORD);
    if (hi !== 0) {
      this.#hi[lane] = hi;
      this.#lo[lane] = low % WORD;
      return;
    }
    if (this.#position === this.#words.length) {
      throw new TruncatedFileError(
        `the coded data ends after ${this.#words.length} words: the file is cut short, or damaged`,
      );
    }
    this.#hi[lane] = low;
    this.#lo[lane] = this.#words[this.#position++];
  }

  /** Checks that everything but `trailing` bytes was used up; returns the checksum. */
  finish(trailing) {
    const left = this.#size - this.bytesRead - trailing;
    if (left) throw new CorruptFileError(`${left} bytes are left after the last symbol`);
    const others = this.#hi.some((hi, i) => i > 0 && (hi !== 1 || this.#lo[i] !== 0));
    if (this.#hi[0] !== 1 || others) {
      throw new CorruptFileError("the coder does not end in its initial state");
    }
    return this.#lo[0];
  }
}

/** Collects chunks in coding order; `finish` turns them into bytes. */
export class RansEncoder {
  #chunks = [];
  #bits = 0;

  /** Appends a chunk: cumulative frequency below each symbol, and its frequency (Uint32Arrays). */
  push(starts, frequencies) {
    this.#chunks.push([starts, frequencies]);
    for (const frequency of frequencies) this.#bits += codeLength(frequency);
  }

  /**
   * Encodes everything pushed so far.
   * @param {number} tail uint32 that the decoder gets back at the end
   * @param {number} [lanes] one of LANE_COUNTS
   * @returns {{data: Uint8Array, lanes: number, stateBytes: number}}
   */
  finish(tail, lanes) {
    const longest = this.#chunks.reduce((most, [starts]) => Math.max(most, starts.length), 0);
    lanes ??= chooseLanes(this.#bits, longest);
    const hi = new Uint32Array(lanes).fill(1);
    const lo = new Uint32Array(lanes);
    lo[0] = tail;
    const words = [];
    for (const [starts, frequencies] of this.#chunks.toReversed()) {
      encodeChunk(hi, lo, starts, frequencies, words);
    }
    return writePayload(hi, lo, words);
  }
}

function encodeChunk(hi, lo, starts, frequencies, words) {
  const lanes = hi.length;
  for (let i = starts.length - 1; i >= 0; i--) {
    const lane = i % lanes;
    const frequency = frequencies[i];
    if (hi[lane] >>> 16 >= frequency) {
      words.push(lo[lane]);
      lo[lane] = hi[lane];
      hi[lane] = 0;
    }
    const high = Math.floor(hi[lane] / frequency);
    const dividend = (hi[lane] - high * frequency) * WORD + lo[lane];
    const low = Math.floor(dividend / frequency); // exact: dividend < 2**48
    const rest = dividend - low * frequency + starts[i];
    hi[lane] = high * 65536 + Math.floor(low / 65536);
    lo[lane] = (low % 65536) * 65536 + rest;
  }
}

function writePayload(hi, lo, words) {
  const lanes = hi.length;
  const bits = 64 - Math.clz32(hi[0]);
  const stateBytes = lanes === 1 ? Math.ceil(bits / 8) : 8;
  const head = lanes * stateBytes;
  const data = new Uint8Array(head + 4 * words.length);
  for (let lane = 0; lane < lanes; lane++) {
    for (let i = 0; i < stateBytes; i++) {
      const half = i < 4 ? lo[lane] : hi[lane];
      data[lane * stateBytes + i] = half >>> (8 * (i % 4));
    }
  }
  data.set(new Uint8Array(Uint32Array.from(words.reverse()).buffer), head);
  return { data, lanes, stateBytes };
}
