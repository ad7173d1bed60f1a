// How a picture is cut into regions for the autoencoder, with few tokens computed twice: as in
// pqmim_jax/codec/regions.py. Regions lie inside the picture and all have one shape.

const SMALL = 512;

/**
 * Regions in raster order that own every token once.
 * @param {number[]} tokens rows and columns of the grid
 * @param {number} halo tokens that a region shows around its own, at least, where there are
 * @param {number} limit tokens that a region shows, at most
 * @param {number} step sides are chosen as if they were rounded up to multiples of it
 * @returns {Region[]}
 */
export function cut(tokens, halo, limit, step) {
  const counts = countsOf(tokens, halo, limit, step);
  const [rows, columns] = tokens.map((n, axis) => spans(n, counts[axis], halo));
  return rows.flatMap((y) => columns.map((x) => new Region(y, x)));
}

/** A part of a token grid: on each axis, `size` tokens from `start`, those from begin to end its own. */
export class Region {
  constructor(rows, columns) {
    Object.assign(this, { rows, columns });
    this.shape = [rows.size, columns.size];
  }

  /** (rows, columns) mask: 1 at its own tokens, 1/2 at the others. */
  get mask() {
    const { rows, columns } = this;
    const mask = new Float32Array(rows.size * columns.size).fill(0.5);
    for (let y = rows.begin; y < rows.end; y++) {
      const row = (y - rows.start) * columns.size - columns.start;
      mask.fill(1, row + columns.begin, row + columns.end);
    }
    return mask;
  }

  /**
   * What it shows of an array of `height` x `width` x `channels`, edges repeated beyond.
   * @param {number} scale samples a side of a token
   */
  shown(array, [height, width], channels, scale) {
    const [rows, columns] = this.shape.map((n) => n * scale);
    const [top, left] = [this.rows.start * scale, this.columns.start * scale];
    const have = Math.min(columns, width - left) * channels;
    const result = new array.constructor(rows * columns * channels);
    for (let y = 0; y < rows; y++) {
      const from = (Math.min(top + y, height - 1) * width + left) * channels;
      const to = y * columns * channels;
      result.set(array.subarray(from, from + have), to);
      for (let i = have; i < columns * channels; i++) result[to + i] = result[to + i - channels];
    }
    return result;
  }

  /**
   * Writes its own tokens where they belong.
   * @param {number[]} origin token of the canvas where the region's grid begins
   */
  place(canvas, [height, width], channels, result, scale, origin = [0, 0]) {
    const { rows, columns } = this;
    const stride = columns.size * scale;
    const [top, left] = [origin[0] * scale, (origin[1] + columns.begin) * scale];
    const count = Math.min((columns.end - columns.begin) * scale, width - left);
    const from = (columns.begin - columns.start) * scale;
    for (let y = rows.begin * scale; y < rows.end * scale && top + y < height; y++) {
      const source = ((y - rows.start * scale) * stride + from) * channels;
      const target = ((top + y) * width + left) * channels;
      if (count > 0) canvas.set(result.subarray(source, source + count * channels), target);
    }
  }
}

function countsOf(tokens, halo, limit, step) {
  const [h, w] = tokens;
  const options = [];
  for (let side = 1; side <= limit; side++) {
    const pair = [count(h, side, halo), count(w, Math.floor(limit / side), halo)];
    if (!pair.includes(null)) options.push(pair);
  }
  if (options.some(([y, x]) => y === 1 && x === 1)) {
    if (h * w <= SMALL) return [1, 1];
    if (h >= 2 * halo + 2) options.push([2, 1]);
    if (w >= 2 * halo + 2) options.push([1, 2]);
  }
  const work = (pair) => {
    const [rows, columns] = tokens.map((n, i) => Math.ceil(sizeOf(n, pair[i], halo) / step) * step);
    const regions = pair[0] * pair[1];
    return [(regions + (regions % 2)) * rows * columns, regions, ...pair];
  };
  const isLess = (a, b) => {
    const i = a.findIndex((each, at) => each !== b[at]);
    return i >= 0 && a[i] < b[i];
  };
  return options.reduce((best, each) => (isLess(work(each), work(best)) ? each : best));
}

function count(n, size, halo) {
  if (n <= size) return 1;
  return size <= 2 * halo ? null : Math.ceil((n - 2 * halo) / (size - 2 * halo));
}

function sizeOf(n, count, halo) {
  return Math.min(n, Math.ceil((n + 2 * halo * (count - 1)) / count));
}

function spans(n, count, halo) {
  const size = sizeOf(n, count, halo);
  const starts = [];
  for (let i = 0; i < count; i++) starts.push(Math.floor((i * (n - size)) / Math.max(1, count - 1)));
  const middle = (i) => Math.floor((starts[i - 1] + size + starts[i]) / 2);
  return starts.map((start, i) => ({
    start,
    size,
    begin: i === 0 ? 0 : middle(i),
    end: i === count - 1 ? n : middle(i + 1),
  }));
}
