// Tables that sort by a click on a heading, and the table of single pictures.

// Cells may carry what they are sorted by in data-sort; those without a value stay last.
function makeSortable(table) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    const button = element("button", { type: "button", onclick: () => sort(column) }, ...head.childNodes);
    head.replaceChildren(button);
  });
  function sort(column, order) {
    const next = order ?? (heads[column].getAttribute("aria-sort") === "ascending" ? "descending" : "ascending");
    heads.forEach((head) => head.removeAttribute("aria-sort"));
    heads[column].setAttribute("aria-sort", next);
    const body = table.tBodies[0];
    const rows = [...body.rows].map((row) => ({ row, key: sortKey(row.cells[column]) }));
    body.append(...rows.sort((a, b) => compareKeys(a.key, b.key, next)).map(({ row }) => row));
  }
  return sort;
}

function sortKey(cell) {
  if (cell.dataset.sort !== undefined) return Number(cell.dataset.sort);
  return cell.classList.contains("number") || !cell.textContent.trim() ? null : cell.textContent;
}

function compareKeys(a, b, order) {
  if (a === null || b === null) return (a === null) - (b === null);
  const up = typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b), "en", { numeric: true });
  return order === "ascending" ? up : -up;
}

function buildPictureTable(openCrops) {
  const state = { codec: DATA.primary, setting: null, reference: DATA.reference };
  const holder = element("div");
  const codecs = DATA.codecs.filter(({ name }) => DATA.records.some(({ codec }) => codec === name)).map(({ name, label }) => [name, label]);
  if (!codecs.length) {
    document.getElementById("picture-table").append(element("p", { class: "missing" }, "No single pictures: the evaluation lists none."));
    return;
  }
  if (!codecs.some(([name]) => name === state.codec)) state.codec = codecs[0][0];
  const codec = choice("Codec", codecs, state.codec, (value) => { state.codec = value; renew(); });
  const setting = choice("Setting", [], null, (value) => { state.setting = value; drawRows(); });
  const reference = choice("Against", [], null, (value) => { state.reference = value; drawRows(); });

  function renew() {
    const settings = settingsOf(state.codec);
    state.setting = startSetting(state, settings);
    setOptions(setting.select, settings.map((name) => [name, name]), state.setting);
    const others = codecs.filter(([name]) => name !== state.codec);
    if (!others.some(([name]) => name === state.reference)) state.reference = others[0]?.[0] ?? null;
    setOptions(reference.select, others, state.reference);
    reference.node.hidden = !others.length;
    drawRows();
  }

  function drawRows() {
    const table = pictureTable(state, openCrops);
    holder.replaceChildren(explain(state), element("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Picture by picture" }, table));
    const sort = makeSortable(table);
    // Worst first: by the difference at equal rate where there is one, or else by PSNR.
    sort(chosen(state).some((record) => gainOf(record, state) !== null) ? 1 : 2, "ascending");
  }

  document.getElementById("picture-table").append(element("div", { class: "controls" }, codec.node, setting.node, reference.node), holder);
  renew();
}

const chosen = ({ codec, setting }) => DATA.records.filter((record) => record.codec === codec && record.setting === setting);
const gainOf = (record, { reference }) => record.gains[reference] ?? null;

function settingsOf(codec) {
  const known = CODECS.get(codec).points.map(({ setting }) => setting);
  const used = new Set(DATA.records.filter((record) => record.codec === codec).map(({ setting }) => setting));
  return [...known.filter((name) => used.has(name)), ...[...used].filter((name) => !known.includes(name))];
}

// The setting with most pictures that can be compared; of several the largest.
function startSetting(state, settings) {
  const count = (setting) => chosen({ codec: state.codec, setting }).filter((record) => gainOf(record, state) !== null).length;
  return settings.reduce((best, setting) => (count(setting) >= count(best) ? setting : best), settings[0]);
}

function explain(state) {
  const rows = chosen(state);
  const known = rows.map((record) => gainOf(record, state)).filter((gain) => gain !== null);
  if (!known.length) return element("p", {}, "Lowest PSNR first: no file can be compared at equal size.");
  const reference = CODECS.get(state.reference).label;
  const rest = rows.length - known.length;
  return element("p", {}, `Worst first: PSNR less that of ${reference} at the same bits per pixel, interpolated between its settings for the same picture (linear in log bpp).` +
    (rest ? ` ${rest} of ${rows.length} files are beyond what ${reference} was measured at.` : ""));
}

function pictureTable(state, openCrops) {
  const rows = chosen(state);
  const reference = CODECS.get(state.reference)?.label;
  const columns = [
    ["difference", (r) => gainOf(r, state), 2, "dB", true], ["PSNR", (r) => r.psnr, 2, "dB"], ["MS-SSIM", (r) => r.ms_ssim, 4], ["LPIPS", (r) => r.lpips, 4],
    ["bpp", (r) => r.bpp, 4], ["bytes", (r) => r.bytes, 0], ["encode", (r) => r.encode_seconds, 2, "s"], ["decode", (r) => r.decode_seconds, 2, "s"],
  ].filter(([, of], i) => i < 2 || rows.some((record) => of(record) !== null));
  const heads = ["picture", ...columns.map(([name], i) => (i ? name : `against ${reference ?? "–"}`))];
  const body = rows.map((record) => element("tr", {}, pictureCell(record.file, openCrops), ...columns.map(([, of, digits, unit, sign]) => {
    const value = of(record);
    const tone = !sign || value === null ? "" : value < 0 ? " worse" : " better";
    return element("td", { class: `number${tone}`, "data-sort": value }, show(value, digits, unit, sign));
  })));
  return element("table", { class: "sortable" }, element("caption", {}, "Picture by picture"),
    element("thead", {}, element("tr", {}, ...heads.map((name, i) => element("th", { scope: "col", class: i ? "number" : "picture-name" }, name)))),
    element("tbody", {}, ...body));
}

function pictureCell(file, openCrops) {
  const { thumbnail } = DATA.pictures[file];
  const image = thumbnail ? element("img", { src: thumbnail, alt: "", loading: "lazy" }) : element("i");
  const label = element("span", { title: file }, file);
  const inner = openCrops?.has(file)
    ? element("button", { type: "button", class: "picture", title: `Crops of ${file}`, onclick: () => openCrops.open(file) }, image, label)
    : element("div", { class: "picture" }, image, label);
  return element("th", { scope: "row", class: "picture-name" }, inner);
}
