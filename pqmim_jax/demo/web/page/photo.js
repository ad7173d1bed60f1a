// Pictures in whatever formats the browser reads, as RGBA pixels.

import { PqmError, TooLargeError } from "../format/errors.js";
import { MAX_PIXELS } from "../codec/reading.js";

/**
 * The way up that the photo's EXIF data says, in sRGB.
 * @param {Blob} file
 * @param {number} longestSide larger photos are made smaller; 0 leaves them as they are
 * @returns {Promise<{pixels: Uint8ClampedArray, width: number, height: number, scaled: boolean}>}
 */
export async function readPhoto(file, longestSide) {
  let bitmap;
  try {
    bitmap = await createImageBitmap(file, { imageOrientation: "from-image" });
  } catch {
    throw new PqmError("neither a .pqm file nor a picture that this browser can read");
  }
  const scale = longestSide ? Math.min(1, longestSide / Math.max(bitmap.width, bitmap.height)) : 1;
  const width = Math.max(1, Math.round(bitmap.width * scale));
  const height = Math.max(1, Math.round(bitmap.height * scale));
  if (width * height > MAX_PIXELS) {
    throw new TooLargeError(`the photo has more than ${MAX_PIXELS} pixels: choose a longest side`);
  }
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d", { colorSpace: "srgb" });
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, 0, 0, width, height);
  bitmap.close();
  const { data } = context.getImageData(0, 0, width, height);
  return { pixels: data, width, height, scaled: scale < 1 };
}
