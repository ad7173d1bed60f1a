// Two codecs in one frame, with a bar between them that pointer, touch and arrow keys move.

const ORIGINAL = "\u0000original"; // no codec's name
const CLOSE = 0.1; // share of bytes up to which two files count as equal

// Returns {has(file), open(file)}, or null where there are no crops.
function buildCompare() {
  const crops = DATA.crops;
  if (!crops) return null;
  const files = crops.pictures.map(({ file }) => file);
  const state = { picture: 0, level: crops.levels.length - 1, left: DATA.primary, right: DATA.reference ?? ORIGINAL };
  const frame = makeStage();
  const sides = element("div", { class: "sides" });
  const where = element("div", { class: "where" });
  const picture = choice("Picture", files.map((file, i) => [i, file]), 0, (value) => { state.picture = Number(value); renew(); });
  const left = choice("Left", [], null, (value) => { state.left = value; draw(); });
  const right = choice("Right", [], null, (value) => { state.right = value; draw(); });
  const controls = [picture.node, left.node, right.node];
  if (crops.levels.length > 1) {
    controls.push(buttons("File size", crops.levels.map((setting, i) => [i, setting]), state.level, (value) => { state.level = value; renew(); }));
  }

  const entries = () => crops.pictures[state.picture].levels[state.level];
  const find = (name) => entries().find(({ record }) => DATA.records[record].codec === name);

  function renew() {
    const options = [...entries().map(({ record }) => [DATA.records[record].codec, CODECS.get(DATA.records[record].codec).label]), [ORIGINAL, "original"]];
    for (const [key, control, spare] of [["left", left, 0], ["right", right, options.length - 1]]) {
      if (!options.some(([name]) => name === state[key])) state[key] = options[spare][0];
      setOptions(control.select, options, state[key]);
    }
    draw();
  }

  function draw() {
    const shown = crops.pictures[state.picture];
    const side = (name) => ({ name, entry: name === ORIGINAL ? null : find(name) });
    const both = [side(state.left), side(state.right)];
    const uri = ({ entry }) => crops.uris[entry ? entry.crop : shown.original];
    frame.set(shown, both.map((s) => ({ uri: uri(s), label: labelOf(s) })));
    const anchor = find(DATA.primary);
    sides.replaceChildren(...both.map((s) => sideCard(s, shown, anchor)));
    drawWhere(where, shown);
  }

  document.getElementById("compare").append(element("div", { class: "controls" }, ...controls),
    element("div", { class: "compare" }, element("div", { class: "stage-box" }, frame.node), element("div", {}, sides, where)));
  renew();
  return {
    has: (file) => files.includes(file),
    open(file) {
      state.picture = files.indexOf(file);
      picture.select.value = state.picture;
      renew();
      document.getElementById("crops").scrollIntoView();
      picture.select.focus({ preventScroll: true });
    },
  };
}

function labelOf({ name, entry }) {
  if (!entry) return "original";
  return `${CODECS.get(name).label}, ${DATA.records[entry.record].setting}`;
}

function makeStage() {
  const images = ["right", "left"].map((name) => element("img", { class: name, alt: "" }));
  const tags = ["left", "right"].map((name) => element("div", { class: `tag tag-${name}` }));
  const input = element("input", { type: "range", min: 0, max: 100, step: 1, value: 50, "aria-label": "Share of the left picture" });
  const node = element("div", { class: "stage" }, ...images, element("div", { class: "bar" }), ...tags, input);
  const split = (percent) => {
    input.value = percent;
    node.style.setProperty("--split", `${percent}%`);
    input.setAttribute("aria-valuetext", `${Math.round(percent)} % ${tags[0].textContent}`);
  };
  const follow = (event) => {
    const frame = node.getBoundingClientRect();
    split(Math.max(0, Math.min(100, (100 * (event.clientX - frame.left)) / frame.width)));
  };
  node.addEventListener("pointerdown", (event) => {
    node.setPointerCapture(event.pointerId);
    input.focus({ preventScroll: true, focusVisible: false });
    follow(event);
    event.preventDefault();
  });
  node.addEventListener("pointermove", (event) => { if (node.hasPointerCapture(event.pointerId)) follow(event); });
  input.addEventListener("input", () => split(Number(input.value)));
  split(50);

  function set({ box: [, , w, h] }, [left, right]) {
    images[1].src = left.uri;
    images[0].src = right.uri;
    images[1].alt = left.label;
    images[0].alt = right.label;
    tags[0].textContent = left.label;
    tags[1].textContent = right.label;
    node.style.aspectRatio = `${w} / ${h}`;
    // Small crops stay legible, tall ones fit the window.
    node.style.maxWidth = `min(${Math.max(3 * w, 320)}px, 84vh * ${w} / ${h})`;
    split(Number(input.value));
  }
  return { node, set };
}

function sideCard(side, shown, anchor) {
  const card = element("div", { class: "side" }, element("h3", {}, labelOf(side)));
  if (!side.entry) {
    const { width, height } = DATA.pictures[shown.file];
    card.append(element("p", {}, `${width} × ${height} pixels, 24 bits each`));
    return card;
  }
  const record = DATA.records[side.entry.record];
  const rows = [["bytes", show(record.bytes, 0)], ["bpp", show(record.bpp, 4)], ["PSNR", show(record.psnr, 2, "dB")],
    ["MS-SSIM", record.ms_ssim === null ? null : show(record.ms_ssim, 4)], ["LPIPS", record.lpips === null ? null : show(record.lpips, 4)],
    ["crop’s PSNR", show(side.entry.psnr, 2, "dB")]];
  card.append(element("dl", {}, ...rows.filter(([, value]) => value !== null).flatMap(([key, value]) => [element("dt", {}, key), element("dd", {}, value)])));
  const note = byteNote(record, anchor && DATA.records[anchor.record]);
  if (note) card.append(note);
  return card;
}

function byteNote(record, anchor) {
  if (!anchor || anchor === record) return null;
  const share = record.bytes / anchor.bytes - 1;
  const text = `${show(100 * share, Math.abs(share) < CLOSE ? 1 : 0, "%", true)} bytes`;
  if (Math.abs(share) <= CLOSE) return element("p", {}, `${text}: about equal`);
  return element("p", { class: "off" }, `${text}: no setting is nearer, so not a fair match`);
}

function drawWhere(place, { file, box: [x, y, w, h] }) {
  const { thumbnail, width, height } = DATA.pictures[file];
  if (!thumbnail) return place.replaceChildren();
  const mark = element("i");
  mark.style.left = `${(100 * x) / width}%`;
  mark.style.top = `${(100 * y) / height}%`;
  mark.style.width = `${(100 * w) / width}%`;
  mark.style.height = `${(100 * h) / height}%`;
  place.replaceChildren(element("img", { src: thumbnail, alt: `Where the crop lies in ${file}` }), mark);
}
