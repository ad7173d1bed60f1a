// The page: files go in, a worker does the work, pictures and numbers come out.

import { looksLikePqm } from "../format/container.js";
import { formatBytes, markStage, showFacts, showHeadline, showStages } from "./panel.js";
import { hideOriginal, psnr, showDecoded, showNothing, showOriginal } from "./viewer.js";

const byId = (id) => document.getElementById(id);
const ONE_COLUMN = 860; // pixels; as in style.css
const worker = new Worker(new URL("worker.js", import.meta.url), { type: "module" });

let job = 0;
let source = null; // {file, bytes}: what was dropped last; bytes only of a .pqm file
let shown = null; // {facts, stageBits, pictures}: what the panel is about
let made = null; // bytes of the file that was made of the last photo
let photo = null; // the original, while a photo is compared
let links = []; // addresses of what can be saved

function setState(state) {
  document.body.dataset.state = state;
  byId("work").hidden = state !== "working";
}

function showError(message) {
  setState("error");
  byId("result").hidden = true;
  byId("error").hidden = false;
  byId("error").textContent = message[0].toUpperCase() + message.slice(1);
}

function begin(name) {
  job++;
  setState("working");
  byId("error").hidden = true;
  byId("step").textContent = "Waiting for the model";
  byId("file-name").textContent = name;
  byId("share").removeAttribute("value");
  for (const id of ["save-pqm", "save-png", "watch"]) byId(id).hidden = true;
  links.forEach((link) => URL.revokeObjectURL(link));
  links = [];
  markStage(0);
  // Where everything is in one column, what happens next happens below.
  if (window.innerWidth <= ONE_COLUMN) byId("work").scrollIntoView({ behavior: "smooth" });
}

async function take(file) {
  if (!file) return;
  let bytes;
  try {
    bytes = new Uint8Array(await file.arrayBuffer());
  } catch {
    showError(`${file.name} cannot be read (is it a folder?)`);
    return;
  }
  const isPqm = looksLikePqm(bytes) || file.name.toLowerCase().endsWith(".pqm");
  source = { file, bytes: isPqm ? bytes : null };
  if (isPqm) decode(file.name, bytes);
  else encode(file);
}

function decode(name, bytes) {
  begin(name);
  photo = null;
  byId("result").hidden = true;
  worker.postMessage({ job, type: "decode", bytes, wantsPreviews: true });
}

function encode(file) {
  begin(file.name);
  const longestSide = Number(byId("size").value);
  // Before the model is there nobody knows its qualities: then the best one is meant.
  const quality = byId("quality").disabled ? null : Number(byId("quality").value);
  worker.postMessage({ job, type: "encode", file, longestSide, quality });
}

const ON = {
  ready({ model, threads }) {
    const unit = threads === 1 ? "thread" : "threads";
    byId("model").textContent = `Model “${model.name}”, ${threads} ${unit}`;
    Object.assign(byId("quality"), { max: model.qualities, value: model.qualities, disabled: false });
    showQuality();
    if (document.body.dataset.state === "loading") setState("ready");
  },

  fatal({ message }) {
    byId("model").textContent = "No model";
    showError(message);
  },

  error({ message }) {
    showError(message);
  },

  progress({ text, share }) {
    byId("step").textContent = text;
    byId("share").value = share;
  },

  header({ facts }) {
    shown = { facts, stageBits: [], pictures: [] };
    byId("result").hidden = false;
    showNothing(facts.width, facts.height, "");
    showHeadline(facts, source.file.name);
    showFacts(facts);
    showStages(facts, [], false, null);
  },

  stage({ stageBits }) {
    shown.stageBits = stageBits;
    showStages(shown.facts, stageBits, false, null);
  },

  preview({ picture, stages }) {
    shown.pictures[stages] = picture;
    choose(stages);
  },

  decoded({ picture, facts }) {
    shown.facts = facts;
    finish(picture, facts);
    if (source.bytes) byId("comparison").textContent = source.file.name;
    else offerMade(`${source.file.name}, as it was compressed here`);
  },

  photo({ picture }) {
    photo = picture;
    byId("result").hidden = false;
    showNothing(picture.width, picture.height, "");
    showDecoded(picture, "original");
    showOriginal(picture);
    byId("headline").textContent = `${picture.width} × ${picture.height} pixels`;
    byId("comparison").textContent = source.file.name;
    for (const id of ["bar", "stages", "facts"]) byId(id).replaceChildren();
  },

  encoded({ data, picture, facts, fileBytes }) {
    shown = { facts, stageBits: facts.stageBits, pictures: [] };
    const quality = psnr(photo.pixels, picture.pixels);
    finish(picture, facts, `decoded, PSNR ${quality.toFixed(2)} dB`);
    showOriginal(photo);
    const times = fileBytes / facts.bytes;
    const ratio = times >= 1 ? `${times.toFixed(times < 10 ? 1 : 0)} times smaller than` : "more than";
    const scaled = photo.scaled ? `; scaled to ${facts.width} × ${facts.height} first` : "";
    made = data;
    offerMade(`${ratio} ${source.file.name} (${formatBytes(fileBytes)}${scaled})`);
  },
};

function finish(picture, facts, caption = null) {
  setState("done");
  const stages = facts.stageBits.length;
  shown.pictures[stages] = picture;
  shown.stageBits = facts.stageBits;
  const hasPictures = shown.pictures.filter(Boolean).length > 1;
  showHeadline(facts, "");
  showFacts(facts);
  showStages(facts, facts.stageBits, true, hasPictures ? choose : null);
  showDecoded(picture, caption ?? captionOf(stages));
  if (hasPictures) markStage(stages);
  byId("decoded").toBlob((blob) => blob && offer("save-png", blob, "png"), "image/png");
}

/** Shows the picture as it was after some stages. */
function choose(stages) {
  hideOriginal();
  showDecoded(shown.pictures[stages], captionOf(stages));
  markStage(stages);
}

function captionOf(stages) {
  const { facts, stageBits } = shown;
  const sent = Math.min(facts.stages ?? facts.stageCount, facts.stageCount);
  if (stages === sent) return `all ${sent} stages`;
  const bytes = stageBits.slice(0, stages).reduce((sum, bits) => sum + bits / 8, facts.headerBytes);
  return `after ${stages} of ${sent} stages, ${formatBytes(bytes)}: the rest is guessed or left out`;
}

function offer(id, blob, suffix) {
  const link = URL.createObjectURL(blob);
  links.push(link);
  const name = source.file.name.replace(/\.[^.]*$/, "");
  Object.assign(byId(id), { href: link, download: `${name || "picture"}.${suffix}`, hidden: false });
}

function offerMade(text) {
  byId("comparison").textContent = text;
  offer("save-pqm", new Blob([made]), "pqm");
  byId("watch").hidden = false;
}

function showQuality() {
  const { value, max } = byId("quality");
  byId("quality-value").textContent = `${value} of ${max}`;
}

worker.onmessage = ({ data }) => {
  if (data.job === 0 || data.job === job) ON[data.type](data);
};
worker.onerror = (event) => {
  byId("model").textContent = "No model";
  showError(event.message || "the page's scripts cannot be loaded: has the server been stopped?");
};

byId("file").addEventListener("change", (event) => {
  take(event.target.files[0]);
  event.target.value = ""; // so that the same file can be chosen again
});
byId("quality").addEventListener("input", showQuality);
byId("watch").addEventListener("click", () => decode(source.file.name, made));
for (const id of ["quality", "size"]) {
  byId(id).addEventListener("change", () => {
    if (source && !source.bytes) encode(source.file);
  });
}
for (const name of ["dragenter", "dragover", "dragleave", "drop"]) {
  window.addEventListener(name, (event) => {
    event.preventDefault();
    byId("drop").classList.toggle("over", name === "dragenter" || name === "dragover");
    if (name === "drop") take(event.dataTransfer.files[0]);
  });
}
window.addEventListener("paste", (event) => take(event.clipboardData.files[0]));
