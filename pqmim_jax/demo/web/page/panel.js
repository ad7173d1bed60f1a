// What the page says about a file: its size, where its bytes went, what its header holds.

const byId = (id) => document.getElementById(id);
const CRC_BYTES = 4;

/** A number of bytes for people. */
export function formatBytes(bytes) {
  if (bytes < 1000) return `${Math.round(bytes)} bytes`;
  return bytes < 1e6 ? `${(bytes / 1e3).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}

export function showHeadline(facts, text) {
  const bpp = (8 * facts.bytes) / (facts.width * facts.height);
  byId("headline").textContent = `${formatBytes(facts.bytes)} · ${bpp.toFixed(3)} bits a pixel`;
  byId("comparison").textContent = text;
}

/**
 * Bytes of each stage as a bar and a list.
 * @param {object} facts of the file
 * @param {number[]} stageBits of the stages that have arrived
 * @param {boolean} isComplete whether that is all of them: then the rest of the file is known too
 * @param {(stage: number) => void | null} onChoose called with the number of stages to show
 */
export function showStages(facts, stageBits, isComplete, onChoose) {
  const stages = Math.min(facts.stages ?? facts.stageCount, facts.stageCount);
  const rows = Array.from({ length: stages }, (_, i) => ({
    name: `Stage ${i + 1}`,
    bytes: i < stageBits.length ? stageBits[i] / 8 : null,
    colour: `hsl(${225 + (95 * i) / Math.max(1, stages - 1)} 62% ${48 + (14 * i) / stages}%)`,
    stage: i + 1,
  }));
  if (isComplete) rows.push(...overhead(facts, stageBits));
  const chosen = Number(byId("stages").dataset.chosen ?? 0);
  byId("stages").replaceChildren(...rows.map((row) => listItem(row, facts, onChoose, chosen)));
  byId("bar").replaceChildren(
    ...rows.filter(({ bytes }) => bytes !== null).map(({ bytes, colour }) => {
      const part = element("span", "");
      part.style.width = `${(100 * bytes) / facts.bytes}%`;
      part.style.background = colour;
      return part;
    }),
  );
}

function overhead(facts, stageBits) {
  const attached = facts.attachments.map(({ name, length }) => ({
    name: name[0].toUpperCase() + name.slice(1),
    bytes: length + CRC_BYTES,
    colour: "hsl(160 45% 42%)",
  }));
  const coded = stageBits.reduce((sum, bits) => sum + bits / 8, 0);
  const rest = attached.reduce((sum, { bytes }) => sum - bytes, facts.bytes - coded);
  return [...attached, { name: "Overhead", bytes: rest, colour: "hsl(220 8% 55%)" }];
}

function listItem({ name, bytes, colour, stage }, facts, onChoose, chosen) {
  const button = document.createElement("button");
  button.type = "button";
  button.disabled = !stage || bytes === null || onChoose === null;
  button.setAttribute("aria-pressed", String(stage !== undefined && stage === chosen));
  if (stage) button.addEventListener("click", () => onChoose(stage));
  const isThere = bytes !== null;
  const mark = element("i", "");
  mark.style.background = isThere ? colour : "var(--line)";
  const size = element("span", isThere ? formatBytes(bytes) : "to come");
  const share = element("small", isThere ? `${((100 * bytes) / facts.bytes).toFixed(0)}%` : "");
  button.append(mark, element("span", name), size, share);
  const item = element("li", "");
  item.append(button);
  return item;
}

function element(tag, text) {
  const made = document.createElement(tag);
  made.textContent = text;
  return made;
}

/** Marks the stage whose picture is shown; 0 is none. */
export function markStage(stage) {
  byId("stages").dataset.chosen = stage;
  byId("stages").querySelectorAll("button").forEach((button, i) => {
    button.setAttribute("aria-pressed", String(i + 1 === stage));
  });
}

export function showFacts(facts) {
  const rows = [
    ["Picture", `${facts.width} × ${facts.height}${facts.grey ? ", grey" : ""}`],
    ["Quality", `${facts.quality} of ${facts.qualities}`],
    ["Model", `${facts.model} (${facts.fingerprint})`],
    ["Order", facts.schedule.replaceAll("*", " * ")],
    ["Header", formatBytes(facts.headerBytes)],
  ];
  if (facts.shrink > 1) rows.push(["Coded", `${facts.shrink} times smaller on each side`]);
  if (facts.stages !== null && facts.stages < facts.stageCount) {
    rows.push(["Stages sent", `${facts.stages} of ${facts.stageCount}, the rest is imagined`]);
  }
  if (!facts.decoderMatches) {
    rows.push(["Decoder", `not ${facts.decoder}, which the file names: the picture is another`]);
  }
  if (facts.checkPeriod !== null) rows.push(["Checks", `after every ${facts.checkPeriod} chunks`]);
  byId("facts").replaceChildren(
    ...rows.flatMap(([name, value]) => [element("dt", name), element("dd", value)]),
  );
}
