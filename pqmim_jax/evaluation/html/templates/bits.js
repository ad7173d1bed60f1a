// Where the bits went: a map of the sum, a bar and a map for each coding stage.

function buildBits() {
  const { maps, uris } = DATA.maps;
  if (!maps.length) return;
  const recordOf = (map) => DATA.records[map.record];
  const codecs = [...new Set(maps.map((map) => recordOf(map).codec))];
  const state = { codec: codecs[0], file: null };
  const holder = element("div");
  const codec = choice("Codec", codecs.map((name) => [name, CODECS.get(name).label]), state.codec, (value) => { state.codec = value; renew(); });
  const file = choice("Picture", [], null, (value) => { state.file = value; draw(); });
  codec.node.hidden = codecs.length < 2;

  function renew() {
    const files = maps.map(recordOf).filter((record) => record.codec === state.codec).map((record) => record.file);
    if (!files.includes(state.file)) state.file = files[0];
    setOptions(file.select, files.map((name) => [name, name]), state.file);
    draw();
  }

  function draw() {
    const map = maps.find((m) => recordOf(m).codec === state.codec && recordOf(m).file === state.file);
    const record = recordOf(map);
    const sum = map.stages.reduce((bits, stage) => bits + stage.bits, 0);
    const share = (bits) => show((100 * bits) / (sum || 1), 0, "%");
    const total = figure(record.file, uris[map.total], [element("b", {}, "All stages"), ` of ${CODECS.get(record.codec).label}, ${record.setting}`]);
    const stages = map.stages.map((stage, i) => figure(record.file, uris[stage.map],
      [element("b", {}, `Stage ${i + 1}`), element("br"), `${show(stage.bits, 0)} bits (${share(stage.bits)}), ${show(stage.tokens, 0)} tokens`]));
    holder.replaceChildren(
      element("div", { class: "bits-total" }, element("div", {}, total, scale(map.highest_total)), element("div", {}, stageBars(map.stages, share), savings(record, sum))),
      element("h3", {}, "Stage by stage"), scale(map.highest), element("div", { class: "maps" }, ...stages));
  }

  document.getElementById("bit-maps").append(element("div", { class: "controls" }, codec.node, file.node), holder);
  renew();
}

function figure(file, uri, caption) {
  const { thumbnail, width, height } = DATA.pictures[file];
  const layers = element("div", { class: "layers" });
  layers.style.aspectRatio = `${width} / ${height}`;
  if (thumbnail) layers.append(element("img", { class: "under", src: thumbnail, alt: "" }));
  layers.append(element("img", { class: "over", src: uri, alt: "Map of bits a token" }));
  return element("figure", { class: "map" }, layers, element("figcaption", {}, ...caption));
}

function scale(highest) {
  return element("div", { class: "scale" }, "0", element("div", { class: "ramp", role: "img", "aria-label": "Colour scale, dark is few bits" }), `${show(highest, 1)} bits a token`);
}

function stageBars(stages, share) {
  const most = Math.max(...stages.map((stage) => stage.bits), 1e-9);
  return element("div", { class: "stage-bars" }, ...stages.flatMap((stage, i) => {
    const bar = element("div", { class: "fill" });
    bar.style.width = `${(100 * stage.bits) / most}%`;
    return [element("span", {}, `Stage ${i + 1}`), element("div", { class: "track" }, bar), element("span", {}, `${show(stage.bits, 0)} bits, ${share(stage.bits)}`)];
  }));
}

function savings(record, sum) {
  const lines = [`${show(sum, 0)} bits for the tokens, ${show(record.bytes, 0)} bytes in the file.`];
  if (record.static_bits && record.ideal_bits !== null) {
    const saved = 1 - record.ideal_bits / record.static_bits;
    lines.push(` Under fixed codeword frequencies: ${show(record.static_bits, 0)} bits; the entropy model takes ${show(100 * Math.abs(saved), 1, "%")} ${saved < 0 ? "more" : "fewer"}.`);
  }
  return element("p", {}, ...lines);
}
