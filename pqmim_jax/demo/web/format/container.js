// The `.pqm` container: header, coded payload, attachments. FORMAT.md is the specification.

import { bytesOf, crc32 } from "./crc32.js";
import {
  CorruptFileError,
  NotPqmFileError,
  TruncatedFileError,
  UnsupportedVersionError,
} from "./errors.js";
import { attachmentName, isKnown, readFields, writeFields } from "./header.js";
import { LANE_COUNTS } from "./lanes.js";
import { releasedModel } from "./released.js";

export const VERSION = 3;
export const CRC_BYTES = 4;

const MAGIC = [0x50, 0x51, 0x4d]; // "PQM"
const FIELDS_AT = MAGIC.length + 1;

/** Whether data begins like a `.pqm` file. */
export function looksLikePqm(data) {
  return data.length >= MAGIC.length && MAGIC.every((byte, i) => data[i] === byte);
}

/** Bytes of a whole file; `attachments` are Uint8Arrays in the header's order. */
export function pack(header, payload, attachments = []) {
  const log4Lanes = LANE_COUNTS.indexOf(payload.lanes);
  const flags = (VERSION << 5) | ((payload.stateBytes - 5) << 3) | log4Lanes;
  const parts = [Uint8Array.from([...MAGIC, flags]), writeFields(header), payload.data];
  for (const data of attachments) parts.push(data, bytesOf(Uint32Array.of(crc32(data))));
  return concatenate(parts);
}

/**
 * Splits a file into its header and what follows, attachments included.
 * @param {Uint8Array} data
 * @returns {{header: import("./header.js").Header,
 *            payload: {data: Uint8Array, lanes: number, stateBytes: number}}}
 */
export function unpack(data) {
  if (MAGIC.some((byte, i) => i < data.length && data[i] !== byte)) {
    throw new NotPqmFileError("not a .pqm file: it does not begin with 'PQM'");
  }
  if (data.length <= MAGIC.length) {
    throw new TruncatedFileError(`the file ends inside the header, after ${data.length} bytes`);
  }
  const flags = data[MAGIC.length];
  checkVersion(flags >> 5, data);
  const [header, position] = readFields(data, FIELDS_AT);
  const lanes = LANE_COUNTS[flags & 7];
  const stateBytes = ((flags >> 3) & 3) + 5;
  if (lanes > 1 && stateBytes !== 8) {
    throw new CorruptFileError(`each of ${lanes} states must take 8 bytes, got ${stateBytes}`);
  }
  return { header, payload: { data: data.subarray(position), lanes, stateBytes } };
}

function checkVersion(version, data) {
  if (version > VERSION) {
    throw new UnsupportedVersionError(
      `format version ${version} is newer than this reader, which reads version ${VERSION}`,
    );
  }
  if (version < VERSION) {
    const model = releasedModel(version, data[FIELDS_AT] | (data[FIELDS_AT + 1] << 8));
    const name = model === null ? "" : ` (of model '${model.name}')`;
    throw new UnsupportedVersionError(
      `format version ${version} is not supported: the file was written by pqmim_jax 0.1.0 ` +
        `with its floating-point entropy model${name}. This version reads version ${VERSION} ` +
        "only; pqmim-jax 0.1.0 decodes the file",
    );
  }
}

/**
 * Attachments of known kinds, by kind (a Map), from the bytes that follow the payload; the others
 * are checked and left out.
 */
export function readAttachments(header, data) {
  const found = new Map();
  let position = 0;
  for (const { kind, length } of header.attachments) {
    const end = position + length;
    if (end + CRC_BYTES > data.length) {
      throw new TruncatedFileError(`the file ends inside its ${attachmentName(kind)}`);
    }
    const content = data.subarray(position, end);
    const expected = bytesOf(Uint32Array.of(crc32(content)));
    if (expected.some((byte, i) => data[end + i] !== byte)) {
      throw new CorruptFileError(
        `damaged file: the checksum over its ${attachmentName(kind)} is wrong`,
      );
    }
    if (isKnown(kind)) found.set(kind, content);
    position = end + CRC_BYTES;
  }
  if (position !== data.length) {
    throw new CorruptFileError(`${data.length - position} bytes are left at the end of the file`);
  }
  return found;
}

/** CRC-32 over the header's fields and the indices (Uint16Array in the order y, x, m). */
export function indexChecksum(header, indices) {
  return crc32(bytesOf(indices), crc32(writeFields(header)));
}

function concatenate(parts) {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let position = 0;
  for (const part of parts) {
    whole.set(part, position);
    position += part.length;
  }
  return whole;
}
