// How a picture of any size is cut into windows of one fixed size: the inner `window` tokens of a
// square of `window + 2 * halo` tokens count. As in pqmim_jax/codec/windows.py.

export class WindowGrid {
  /** height and width in pixels, f pixels a token, window and halo in tokens. */
  constructor({ height, width, f, window, halo }) {
    Object.assign(this, { height, width, f, window, halo });
    this.rows = Math.ceil(height / f);
    this.columns = Math.ceil(width / f);
    this.side = window + 2 * halo;
  }

  withHalo(halo) {
    return new WindowGrid({ ...this, halo });
  }

  /** [row, column] of each window's first token, in raster order. */
  get origins() {
    const origins = [];
    for (let y = 0; y < this.rows; y += this.window) {
      for (let x = 0; x < this.columns; x += this.window) origins.push([y, x]);
    }
    return origins;
  }

  /** [rows, columns] of the tokens of a window that lie in the picture. */
  extent([y, x]) {
    return [Math.min(this.window, this.rows - y), Math.min(this.window, this.columns - x)];
  }

  /** (side, side) mask: 1 at a window's own tokens of the picture, 1/2 at others of it, 0 outside. */
  maskOf(origin) {
    const mask = new Float32Array(this.side * this.side);
    const [rows, columns] = this.extent(origin);
    for (let y = 0; y < this.side; y++) {
      const row = origin[0] + y - this.halo;
      if (row < 0 || row >= this.rows) continue;
      const left = Math.max(0, this.halo - origin[1]);
      const right = Math.min(this.side, this.columns + this.halo - origin[1]);
      mask.fill(0.5, y * this.side + left, y * this.side + right);
    }
    for (let y = 0; y < rows; y++) {
      const start = (y + this.halo) * this.side + this.halo;
      mask.fill(1, start, start + columns);
    }
    return mask;
  }

  /**
   * Window with halo cut from an array of `height` x `width` x `channels`, edges repeated outwards.
   * @param {number} scale samples a side of a token: f for pixels, 1 for codes
   */
  cut(array, height, width, channels, [row, column], scale) {
    const side = this.side * scale;
    const result = new array.constructor(side * side * channels);
    const top = (row - this.halo) * scale;
    const left = (column - this.halo) * scale;
    for (let y = 0; y < side; y++) {
      const from = clamp(top + y, height) * width;
      for (let x = 0; x < side; x++) {
        const source = (from + clamp(left + x, width)) * channels;
        const target = (y * side + x) * channels;
        for (let c = 0; c < channels; c++) result[target + c] = array[source + c];
      }
    }
    return result;
  }

  /** Writes a window's inner part, `scale` samples a token, where it belongs. */
  place(canvas, height, width, channels, [row, column], core, scale) {
    const side = this.window * scale;
    const rows = Math.min(side, height - row * scale);
    const columns = Math.min(side, width - column * scale);
    for (let y = 0; y < rows; y++) {
      const source = core.subarray(y * side * channels, (y * side + columns) * channels);
      canvas.set(source, ((row * scale + y) * width + column * scale) * channels);
    }
  }
}

function clamp(i, size) {
  return i < 0 ? 0 : i >= size ? size - 1 : i;
}

/** What is known of a picture's indices: -1 is unknown, and so is everything outside. */
export class KnownIndices {
  constructor(grid, M) {
    this.grid = grid;
    this.M = M;
    const { window, halo } = grid;
    this.width = Math.ceil(grid.columns / window) * window + 2 * halo;
    const height = Math.ceil(grid.rows / window) * window + 2 * halo;
    this.values = new Int32Array(height * this.width * M).fill(-1);
  }

  copy() {
    const copy = new KnownIndices(this.grid, this.M);
    copy.values.set(this.values);
    return copy;
  }

  /** Where in `values` the indices of token (y, x) of the picture begin. */
  at(y, x) {
    return ((y + this.grid.halo) * this.width + x + this.grid.halo) * this.M;
  }

  /** (side, side, M): a window with halo. */
  windowOf([row, column]) {
    const { side } = this.grid;
    const result = new Int32Array(side * side * this.M);
    for (let y = 0; y < side; y++) {
      const from = ((row + y) * this.width + column) * this.M;
      result.set(this.values.subarray(from, from + side * this.M), y * side * this.M);
    }
    return result;
  }
}
