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
