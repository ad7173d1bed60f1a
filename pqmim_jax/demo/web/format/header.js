// What a file says about itself: FORMAT.md, section 1. Each header has one encoding.

import { CorruptFileError, TruncatedFileError, UnsupportedVersionError } from "./errors.js";
import { readVarint, writeVarint } from "./varint.js";

export const FINGERPRINT_BYTES = 4;
export const DECODER_BYTES = 2;
export const ALPHA = 0;
export const ICC_PROFILE = 1;
export const EXIF = 2;
export const FIRST_ANCILLARY = 16; // who does not know a kind from here on leaves it out
export const MAX_ATTACHMENTS = 64;

const ATTACHMENT_NAMES = ["alpha channel", "colour profile", "EXIF data"];
const GREY = 1;
const SHRINK = 2;
const STAGES = 4;
const CHECKS = 8;
const ATTACHMENTS = 16;
const KNOWN_EXTENSIONS = 31;
const LARGEST_SMALL_FIELD = 65536; // of shrink, stages and check period

/**
 * @typedef {object} Header
 * @property {number} width in pixels
 * @property {number} height in pixels
 * @property {number} quality 1..2**30
 * @property {number} fingerprint of what of the model decides about indices, uint32
 * @property {number} decoder digest of what of the model makes pixels of indices, uint16
 * @property {string|null} schedule null is the model's default
 * @property {boolean} grey
 * @property {number} shrink
 * @property {number|null} stages null is all of them
 * @property {number|null} checkPeriod null is no checks
 * @property {{kind: number, length: number}[]} attachments
 */

/** Whether a kind of attachment has a meaning here. */
export function isKnown(kind) {
  return kind < ATTACHMENT_NAMES.length;
}

/** What people call an attachment. */
export function attachmentName(kind) {
  return isKnown(kind) ? ATTACHMENT_NAMES[kind] : `kind-${kind} attachment`;
}

/** A header with the defaults of an ordinary file. */
export function makeHeader(fields) {
  return {
    schedule: null,
    grey: false,
    shrink: 1,
    stages: null,
    checkPeriod: null,
    attachments: [],
    ...fields,
  };
}

/** [rows, columns] in pixels of what was coded. */
export function codedSize(header) {
  return [Math.ceil(header.height / header.shrink), Math.ceil(header.width / header.shrink)];
}

/** The header from the fingerprint on, as bytes: all of this enters the checksum. */
export function writeFields(header) {
  const extensions =
    GREY * header.grey |
    SHRINK * (header.shrink > 1) |
    STAGES * (header.stages !== null) |
    CHECKS * (header.checkPeriod !== null) |
    ATTACHMENTS * (header.attachments.length > 0);
  const hasSchedule = header.schedule !== null;
  const mode = (header.quality - 1) * 4 + 2 * (extensions !== 0) + hasSchedule;
  const bytes = [
    ...littleEndian(header.fingerprint, FINGERPRINT_BYTES),
    ...littleEndian(header.decoder, DECODER_BYTES),
  ];
  for (const value of [header.width - 1, header.height - 1, mode]) bytes.push(...writeVarint(value));
  if (hasSchedule) {
    bytes.push(header.schedule.length, ...[...header.schedule].map((each) => each.charCodeAt(0)));
  }
  if (extensions) {
    for (const value of [extensions, ...extensionValues(header)]) bytes.push(...writeVarint(value));
  }
  return Uint8Array.from(bytes);
}

function littleEndian(value, size) {
  return Array.from({ length: size }, (_, i) => (value >>> (8 * i)) & 0xff);
}

function extensionValues(header) {
  const values = header.shrink > 1 ? [header.shrink - 2] : [];
  for (const value of [header.stages, header.checkPeriod]) {
    if (value !== null) values.push(value - 1);
  }
  if (header.attachments.length) {
    values.push(header.attachments.length - 1);
    for (const each of header.attachments) values.push(each.kind, each.length);
  }
  return values;
}

/** Inverse of `writeFields`: [header, position behind it]. */
export function readFields(data, position) {
  const fields = new Fields(data, position);
  const fingerprint = fields.uint(FINGERPRINT_BYTES);
  const decoder = fields.uint(DECODER_BYTES);
  const width = fields.varint() + 1;
  const height = fields.varint() + 1;
  const mode = fields.varint();
  const quality = Math.floor(mode / 4) + 1;
  const schedule = mode & 1 ? fields.text() : null;
  const header = makeHeader({ width, height, quality, fingerprint, decoder, schedule });
  if (mode & 2) readExtensions(fields, header);
  return [header, fields.position];
}

function readExtensions(fields, header) {
  const extensions = fields.varint();
  if (extensions === 0) {
    throw new CorruptFileError("the header announces extensions and names none");
  }
  if (extensions > KNOWN_EXTENSIONS) {
    throw new UnsupportedVersionError(
      `unknown extensions of the format: 0x${extensions.toString(16)}`,
    );
  }
  header.grey = (extensions & GREY) !== 0;
  if (extensions & SHRINK) header.shrink = smallField("shrink", fields.varint() + 2);
  if (extensions & STAGES) header.stages = smallField("stages", fields.varint() + 1);
  if (extensions & CHECKS) header.checkPeriod = smallField("check_period", fields.varint() + 1);
  if (extensions & ATTACHMENTS) header.attachments = readAttachmentList(fields);
}

function smallField(name, value) {
  if (value > LARGEST_SMALL_FIELD) {
    throw new CorruptFileError(
      `impossible header: ${name} must be at most ${LARGEST_SMALL_FIELD}, got ${value}`,
    );
  }
  return value;
}

function readAttachmentList(fields) {
  const count = fields.varint() + 1;
  if (count > MAX_ATTACHMENTS) {
    throw new CorruptFileError(
      `the header names ${count} attachments, more than the ${MAX_ATTACHMENTS} there may be`,
    );
  }
  const attachments = [];
  for (let i = 0; i < count; i++) {
    const kind = fields.varint();
    attachments.push({ kind, length: fields.varint() });
  }
  const unknown = attachments.find(({ kind }) => !isKnown(kind) && kind < FIRST_ANCILLARY);
  if (unknown) throw new UnsupportedVersionError(`unknown kind of attachment: ${unknown.kind}`);
  if (attachments.some(({ kind }, i) => i > 0 && kind <= attachments[i - 1].kind)) {
    throw new CorruptFileError(
      "impossible header: attachments must be of different kinds, ascending",
    );
  }
  return attachments;
}

/** Reads one field after another. */
class Fields {
  constructor(data, position) {
    this.data = data;
    this.position = position;
  }

  uint(size) {
    const end = this.position + size;
    if (end > this.data.length) {
      throw new TruncatedFileError(
        `the file ends inside the header, after ${this.data.length} bytes`,
      );
    }
    let value = 0;
    while (size > 0) value = value * 256 + this.data[this.position + --size];
    this.position = end;
    return value;
  }

  varint() {
    const [value, position] = readVarint(this.data, this.position);
    this.position = position;
    return value;
  }

  text() {
    const length = this.position < this.data.length ? this.data[this.position] : 0;
    const end = this.position + 1 + length;
    if (end > this.data.length) {
      throw new TruncatedFileError("the file ends inside the schedule of the header");
    }
    const bytes = this.data.subarray(this.position + 1, end);
    if (length === 0 || bytes.some((byte) => byte < 0x20 || byte > 0x7e)) {
      throw new CorruptFileError("the schedule in the header is empty or not printable ASCII");
    }
    this.position = end;
    return String.fromCharCode(...bytes);
  }
}
