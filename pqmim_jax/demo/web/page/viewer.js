// The picture: the decoded one, and for photos the original beside it under a slider.

const byId = (id) => document.getElementById(id);

/** Draws RGBA pixels, and gives the frame their shape. */
function draw(canvas, { pixels, width, height }) {
  canvas.width = width;
  canvas.height = height;
  const clamped = new Uint8ClampedArray(pixels.buffer, pixels.byteOffset, pixels.length);
  canvas.getContext("2d").putImageData(new ImageData(clamped, width, height), 0, 0);
  const { style } = byId("stage");
  style.setProperty("--aspect", width / height);
  style.setProperty("--natural", `${width}px`);
}

export function showDecoded(picture, caption) {
  draw(byId("decoded"), picture);
  byId("caption").textContent = caption;
}

/** An empty frame of the size of the picture to come. */
export function showNothing(width, height, caption) {
  const scale = Math.min(1, 2048 / Math.max(width, height)); // a header may claim any size
  byId("decoded").width = Math.max(1, Math.round(width * scale));
  byId("decoded").height = Math.max(1, Math.round(height * scale));
  byId("stage").style.setProperty("--aspect", width / height);
  byId("stage").style.setProperty("--natural", `${width}px`);
  byId("caption").textContent = caption;
  hideOriginal();
}

export function showOriginal(picture) {
  draw(byId("original"), picture);
  for (const id of ["original", "split", "left"]) byId(id).hidden = false;
  byId("stage").classList.add("compares");
  setSplit(byId("split").value);
}

export function hideOriginal() {
  for (const id of ["original", "split", "left"]) byId(id).hidden = true;
  byId("stage").classList.remove("compares");
}

/** Peak signal-to-noise ratio in dB of the colours of two RGBA pictures. */
export function psnr(a, b) {
  let sum = 0;
  for (let i = 0; i < a.length; i++) if (i % 4 !== 3) sum += (a[i] - b[i]) ** 2;
  return 10 * Math.log10((255 ** 2 * 0.75 * a.length) / sum);
}

function setSplit(percent) {
  byId("stage").style.setProperty("--split", `${percent}%`);
}

byId("split").addEventListener("input", (event) => setSplit(event.target.value));
