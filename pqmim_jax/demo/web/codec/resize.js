// Pillow's resampling of 8-bit pictures, in its own integer arithmetic: files with `shrink` must be
// enlarged to the same pixels everywhere. First along rows, then along columns.

const COEFFICIENT_BITS = 22;
const HALF = 2 ** (COEFFICIENT_BITS - 1);

function bicubic(x) {
  const a = -0.5;
  x = Math.abs(x);
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  if (x < 2) return (((x - 5) * x + 8) * x - 4) * a;
  return 0;
}

const SUPPORT = 2;

/** Picture of `size` [rows, columns] x channels from one of `from`; Uint8Arrays. */
export function resizeBicubic(pixels, from, size, channels = 3) {
  const [rows, columns] = from;
  const wide = columns === size[1] ? pixels : along(pixels, rows, columns, size[1], channels, true);
  return rows === size[0] ? wide : along(wide, rows, size[1], size[0], channels, false);
}

function along(pixels, rows, columns, length, channels, isRow) {
  const kernels = coefficients(isRow ? columns : rows, length);
  const [height, width] = isRow ? [rows, length] : [length, columns];
  const result = new Uint8ClampedArray(height * width * channels);
  const step = isRow ? channels : columns * channels;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const { first, weights } = kernels[isRow ? x : y];
      const start = (isRow ? y * columns + first : first * columns + x) * channels;
      for (let c = 0; c < channels; c++) {
        let sum = HALF;
        for (let i = 0; i < weights.length; i++) sum += weights[i] * pixels[start + i * step + c];
        result[(y * width + x) * channels + c] = Math.floor(sum / 2 ** COEFFICIENT_BITS);
      }
    }
  }
  return new Uint8Array(result.buffer);
}

function coefficients(from, to) {
  const scale = from / to;
  const filterScale = Math.max(scale, 1);
  const support = SUPPORT * filterScale;
  return Array.from({ length: to }, (_, i) => {
    const centre = (i + 0.5) * scale;
    const first = Math.max(0, Math.trunc(centre - support + 0.5));
    const end = Math.min(from, Math.trunc(centre + support + 0.5));
    const weights = Array.from({ length: end - first }, (_, j) =>
      bicubic((j + first - centre + 0.5) * (1 / filterScale)),
    );
    const sum = weights.reduce((a, b) => a + b, 0);
    return { first, weights: weights.map((each) => toFixed(sum === 0 ? each : each / sum)) };
  });
}

function toFixed(weight) {
  return Math.trunc(weight * 2 ** COEFFICIENT_BITS + (weight < 0 ? -0.5 : 0.5));
}
