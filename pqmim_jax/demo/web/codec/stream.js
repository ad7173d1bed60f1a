// Chunks of symbols to a coded payload and back, with checks inside that locate damage.

import { bytesOf, crc32 } from "../format/crc32.js";
import { CorruptFileError } from "../format/errors.js";
import { codeLength } from "../format/pmf.js";
import { RansEncoder } from "../format/rans.js";

const CHECK_BITS = 16;
const HEADER_BITS = 16; // two more fields
const MAX_SHARE = 0.001;

/** Reads chunks in the order in which they were written. */
export class SymbolReader {
  #crc = 0;
  #number = 0;
  #trustedBytes;

  /** `period`: chunks from one check to the next, or null. */
  constructor(decoder, period) {
    this.decoder = decoder;
    this.period = period;
    this.#trustedBytes = decoder.bytesRead;
  }

  /** The next chunk: Uint16Array of `count` symbols. */
  read(tables, count) {
    const symbols = this.decoder.pop(tables, count);
    this.#number++;
    this.#crc = crc32(bytesOf(symbols), this.#crc);
    if (this.period !== null && this.#number % this.period === 0) this.#check();
    return symbols;
  }

  #check() {
    if (this.decoder.popUniform() !== (this.#crc & 0xffff)) {
      throw new CorruptFileError(
        `damaged file: between bytes ${this.#trustedBytes} and ${this.decoder.bytesRead} of the ` +
          `payload (chunks ${this.#number - this.period + 1} to ${this.#number})`,
      );
    }
    this.#crc = 0;
    this.#trustedBytes = this.decoder.bytesRead;
  }
}

/** Collects chunks in coding order. */
export class SymbolWriter {
  #chunks = [];
  #bits = 0;

  /** Adds a chunk; returns its ideal bits. */
  write(tables, symbols) {
    const count = symbols.length;
    const width = tables.length / count;
    const starts = new Uint32Array(count);
    const frequencies = new Uint32Array(count);
    let bits = 0;
    for (let i = 0; i < count; i++) {
      const at = i * width + symbols[i];
      starts[i] = tables[at];
      frequencies[i] = tables[at + 1] - tables[at];
      bits += codeLength(frequencies[i]);
    }
    this.#chunks.push([starts, frequencies, bytesOf(symbols)]);
    this.#bits += bits;
    return bits;
  }

  /** Chunks from one check to the next: as few as cost at most 0.1% of the payload; or null. */
  checkPeriod() {
    const affordable = Math.floor((this.#bits * MAX_SHARE - HEADER_BITS) / CHECK_BITS);
    if (affordable < 1 || this.#chunks.length === 0) return null;
    return Math.ceil(this.#chunks.length / affordable);
  }

  /** A coder with all chunks, and a check after every `period` of them. */
  coder(period) {
    const coder = new RansEncoder();
    let crc = 0;
    this.#chunks.forEach(([starts, frequencies, bytes], i) => {
      coder.push(starts, frequencies);
      crc = crc32(bytes, crc);
      if (period !== null && (i + 1) % period === 0) {
        coder.push(Uint32Array.of(crc & 0xffff), Uint32Array.of(1));
        crc = 0;
      }
    });
    return coder;
  }
}

/** Ideal bits of symbols under cumulative tables. */
export function codeLengthOf(tables, symbols) {
  const width = tables.length / symbols.length;
  let bits = 0;
  for (let i = 0; i < symbols.length; i++) {
    const at = i * width + symbols[i];
    bits += codeLength(tables[at + 1] - tables[at]);
  }
  return bits;
}
