// Grey, colour and alpha: what the networks see of a picture, and how it is put together again.

import { CorruptFileError } from "../format/errors.js";

const OPAQUE = 255;

/** {colour (H, W, 3), alpha (H, W) or null, grey} of RGBA pixels. */
export function splitChannels(pixels) {
  const count = pixels.length / 4;
  const colour = new Uint8Array(count * 3);
  const alpha = new Uint8Array(count);
  let isOpaque = true;
  let grey = true;
  for (let i = 0; i < count; i++) {
    for (let c = 0; c < 3; c++) colour[3 * i + c] = pixels[4 * i + c];
    alpha[i] = pixels[4 * i + 3];
    isOpaque &&= alpha[i] === OPAQUE;
    grey &&= colour[3 * i] === colour[3 * i + 1] && colour[3 * i] === colour[3 * i + 2];
  }
  return { colour, alpha: isOpaque ? null : alpha, grey };
}

/** RGBA pixels; grey is the luma of Rec. 601, in Pillow's integers. */
export function joinChannels(colour, grey, alpha) {
  const count = colour.length / 3;
  const pixels = new Uint8Array(count * 4);
  for (let i = 0; i < count; i++) {
    const [r, g, b] = [colour[3 * i], colour[3 * i + 1], colour[3 * i + 2]];
    const luma = (19595 * r + 38470 * g + 7471 * b + 0x8000) >> 16;
    pixels[4 * i] = grey ? luma : r;
    pixels[4 * i + 1] = grey ? luma : g;
    pixels[4 * i + 2] = grey ? luma : b;
    pixels[4 * i + 3] = alpha === null ? OPAQUE : alpha[i];
  }
  return pixels;
}

/** Alpha (H, W) of an attachment: one byte, or a PNG or WebP picture; null if there is none. */
export async function decodeAlpha(data, { width, height }) {
  if (data === undefined) return null;
  if (data.length === 1) return new Uint8Array(width * height).fill(data[0]);
  let bitmap;
  try {
    // Numbers, not colours: no profile may change them.
    bitmap = await createImageBitmap(new Blob([data]), { colorSpaceConversion: "none" });
  } catch {
    throw new CorruptFileError("the alpha channel is unusable: it is no picture");
  }
  if (bitmap.width !== width || bitmap.height !== height) {
    throw new CorruptFileError(
      `the alpha channel is unusable: it has ${bitmap.width} x ${bitmap.height} pixels`,
    );
  }
  const context = new OffscreenCanvas(width, height).getContext("2d");
  context.drawImage(bitmap, 0, 0);
  const { data: pixels } = context.getImageData(0, 0, width, height);
  return Uint8Array.from({ length: width * height }, (_, i) => pixels[4 * i]);
}

/** Inverse of `decodeAlpha`, without loss. */
export async function encodeAlpha(alpha, width, height) {
  if (alpha.every((value) => value === alpha[0])) return Uint8Array.of(alpha[0]);
  const canvas = new OffscreenCanvas(width, height);
  const image = new ImageData(width, height);
  for (let i = 0; i < alpha.length; i++) {
    image.data.set([alpha[i], alpha[i], alpha[i], OPAQUE], 4 * i);
  }
  canvas.getContext("2d").putImageData(image, 0, 0);
  const blob = await canvas.convertToBlob({ type: "image/png" });
  return new Uint8Array(await blob.arrayBuffer());
}
