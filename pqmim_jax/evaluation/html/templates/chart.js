// One plot: curves over bits per pixel, with the nearest point under pointer or arrow keys.

const MARKS = [
  (x, y, r) => shape("circle", { cx: x, cy: y, r }),
  (x, y, r) => shape("rect", { x: x - r * 0.9, y: y - r * 0.9, width: r * 1.8, height: r * 1.8 }),
  (x, y, r) => shape("path", { d: `M${x} ${y - r * 1.25}L${x + r * 1.2} ${y + r * 0.9}H${x - r * 1.2}Z` }),
  (x, y, r) => shape("path", { d: `M${x} ${y - r * 1.35}L${x + r * 1.35} ${y}L${x} ${y + r * 1.35}L${x - r * 1.35} ${y}Z` }),
  (x, y, r) => shape("path", { d: `M${x} ${y + r * 1.25}L${x + r * 1.2} ${y - r * 0.9}H${x - r * 1.2}Z` }),
];
const MARGIN = { left: 50, right: 16, top: 10, bottom: 44 };
const LABEL_SPACE = 262; // right of the curves, in charts of at least LABEL_WIDTH pixels
const LABEL_WIDTH = 820;
const LABEL_HEIGHT = 15;
const REACH = 60; // pixels at which a point still counts as meant
let chartCount = 0;

// `metric`: {key, name, hint, digits, unit, of: point -> value or null}.
// `view()` gives {curves, logarithmic, range: [low, high] in bpp}.
function makeChart(metric, view) {
  const number = chartCount++;
  const svg = shape("svg", { tabindex: 0, role: "group", "aria-label": `${metric.name} over bits per pixel. Arrow keys go from point to point.` });
  const tip = element("div", { class: "tip", hidden: "" });
  const speech = element("div", { class: "skip", role: "status" });
  const figure = element("figure", { class: "chart", "data-metric": metric.key },
    element("figcaption", {}, metric.name, " ", element("span", {}, metric.hint)), svg, tip, speech);
  let drawn = [];
  let at = null;

  function draw() {
    const width = svg.clientWidth;
    if (!width) return;
    const height = Math.round(Math.min(460, Math.max(270, width * 0.52)));
    const { curves, logarithmic, range } = view();
    const box = { left: MARGIN.left, right: width - (width < LABEL_WIDTH ? MARGIN.right : LABEL_SPACE), top: MARGIN.top, bottom: height - MARGIN.bottom };
    const [low, high] = extent(curves, metric, range);
    const y = linearScale(low, high, box.bottom, box.top);
    const x = (logarithmic ? logScale : linearScale)(range[0], range[1], box.left, box.right);
    svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    svg.setAttribute("height", height);
    svg.replaceChildren(clip(number, box), ...axes(x, y, box, width, height));
    drawn = [];
    for (const curve of curves) svg.append(drawCurve(curve, metric, x, y, number, box, drawn));
    if (width >= LABEL_WIDTH) svg.append(...endLabels(curves, metric, x, y, range[1], box));
    leave();
  }

  function select(point, announce) {
    leave();
    at = point;
    const colour = `var(${point.curve.colour})`;
    svg.append(shape("circle", { class: "halo", cx: point.x, cy: point.y, r: 8, fill: "none", stroke: colour, "stroke-width": 2.5, "pointer-events": "none" }));
    const lines = describe(point, metric);
    tip.replaceChildren(element("b", {}, lines[0]), ...lines.slice(1).map((line) => element("div", {}, line)));
    tip.hidden = false;
    // An SVG element has no offsetTop; the figure's border is what absolute places count from.
    const [inner, outer] = [svg.getBoundingClientRect(), figure.getBoundingClientRect()];
    const top = inner.top - outer.top - figure.clientTop + point.y;
    const left = inner.left - outer.left - figure.clientLeft + point.x - tip.offsetWidth / 2;
    tip.style.left = `${Math.max(4, Math.min(figure.clientWidth - tip.offsetWidth - 4, left))}px`;
    tip.style.top = `${top - tip.offsetHeight - 14 < 0 ? top + 14 : top - tip.offsetHeight - 14}px`;
    if (announce) speech.textContent = lines.join(", ");
  }

  function leave() {
    svg.querySelector(".halo")?.remove();
    tip.hidden = true;
    at = null;
  }

  function follow(event) {
    const frame = svg.getBoundingClientRect();
    const [px, py] = [event.clientX - frame.left, event.clientY - frame.top];
    const distance = (point) => Math.hypot(point.x - px, point.y - py);
    const nearest = drawn.reduce((best, point) => (!best || distance(point) < distance(best) ? point : best), null);
    if (nearest && distance(nearest) < REACH) select(nearest, false);
    else leave();
  }

  function key(event) {
    if (event.key === "Escape") return leave();
    if (!event.key.startsWith("Arrow") || !drawn.length) return;
    event.preventDefault();
    select(at ? neighbour(drawn, at, event.key) : drawn[0], true);
  }

  svg.addEventListener("pointermove", follow);
  svg.addEventListener("pointerdown", follow);
  svg.addEventListener("pointerleave", (event) => { if (event.pointerType === "mouse") leave(); });
  svg.addEventListener("keydown", key);
  svg.addEventListener("blur", leave);
  // In a frame of its own: drawing changes the height of what is observed.
  let lastWidth = 0;
  new ResizeObserver(() => requestAnimationFrame(() => {
    if (svg.clientWidth === lastWidth) return;
    lastWidth = svg.clientWidth;
    draw();
  })).observe(svg);
  return { node: figure, draw };
}

function describe({ curve, point }, metric) {
  const name = point.setting ? `${curve.label}, ${point.setting}` : `${curve.label} (published)`;
  const lines = [name, `${show(metric.of(point), metric.digits, metric.unit)} at ${show(point.bpp, 4)} bpp`];
  if (point.images) lines.push(`mean of ${point.images} picture${point.images === 1 ? "" : "s"}`);
  return lines;
}

// Left and right: along the curve. Up and down: to the curve that is next there.
function neighbour(points, at, key) {
  if (key === "ArrowLeft" || key === "ArrowRight") {
    const own = points.filter((point) => point.curve === at.curve);
    const place = own.indexOf(at) + (key === "ArrowRight" ? 1 : -1);
    return own[Math.max(0, Math.min(own.length - 1, place))];
  }
  const curves = [...new Set(points.map((point) => point.curve))];
  const place = (curves.indexOf(at.curve) + (key === "ArrowDown" ? 1 : -1) + curves.length) % curves.length;
  const others = points.filter((point) => point.curve === curves[place]);
  return others.reduce((best, point) => (Math.abs(point.x - at.x) < Math.abs(best.x - at.x) ? point : best));
}

// Values that the curves take within the range, its ends included, with some room.
function extent(curves, metric, [from, to]) {
  const values = curves.flatMap((curve) => valuesWithin(curve.points.filter((p) => metric.of(p) !== null), metric, from, to));
  if (!values.length) return [0, 1];
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const pad = (high - low) * 0.06 || Math.abs(high) * 0.05 || 1;
  return [low - pad, high + pad];
}

function valuesWithin(points, metric, from, to) {
  const values = points.filter((p) => p.bpp >= from && p.bpp <= to).map(metric.of);
  for (const [i, b] of points.entries()) {
    const a = points[i - 1];
    for (const end of [from, to]) {
      if (!a || a.bpp >= end || b.bpp <= end) continue;
      const share = Math.log(end / a.bpp) / Math.log(b.bpp / a.bpp);
      values.push(metric.of(a) + share * (metric.of(b) - metric.of(a)));
    }
  }
  return values;
}

// Names beside the ends of the curves; of those that leave the chart at the right, in their order,
// each with a line to its curve.
function endLabels(curves, metric, x, y, highest, box) {
  const all = curves.map((curve) => ({ curve, ...curveEnd(curve, metric, highest) }))
    .filter((end) => end.value !== undefined && x.map(end.bpp) >= box.left)
    .map((end) => ({ ...end, x: x.map(end.bpp), y: y.map(end.value) }))
    .sort((a, b) => a.y - b.y);
  const ends = all.filter((end) => end.x + 10 + 7.5 * end.curve.label.length > box.right);
  const inside = all.filter((end) => !ends.includes(end));
  inside.forEach((end, i) => { end.place = belowThose(inside.slice(0, i), end); });
  let free = box.top + 4;
  for (const end of ends) free = (end.place = Math.max(end.y, free)) + LABEL_HEIGHT;
  let limit = box.bottom;
  for (const end of ends.toReversed()) limit = (end.place = Math.min(end.place, limit)) - LABEL_HEIGHT;
  return [...inside.map((end) => endLabel(end, end.x + 10, end.place)), ...ends.flatMap((end) => [
    shape("path", { class: "leader", d: `M${end.x + 3} ${end.y}L${box.right + 4} ${end.y}L${box.right + 16} ${end.place}`, stroke: `var(${end.curve.colour})` }),
    endLabel(end, box.right + 20, end.place),
  ])];
}

// Where a name inside the chart lies, so that those above it, where near, are not written over.
function belowThose(above, end) {
  const near = above.filter((other) => Math.abs(other.x - end.x) < 7.5 * Math.max(other.curve.label.length, end.curve.label.length));
  return near.reduce((place, other) => Math.max(place, other.place + LABEL_HEIGHT), end.y);
}

function endLabel({ curve }, x, y) {
  const text = curve.label.length > 36 ? `${curve.label.slice(0, 35)}…` : curve.label;
  return shape("text", { class: curve.published ? "end" : "end own", x, y: y + 4, style: `fill: var(${curve.colour})` }, text);
}

// Last place of a curve that the chart shows: its last point, or where it crosses the edge.
function curveEnd({ points }, metric, highest) {
  const own = points.filter((point) => metric.of(point) !== null);
  const after = own.findIndex((point) => point.bpp > highest);
  if (after === 0) return {};
  if (after < 0) return own.length ? { bpp: own.at(-1).bpp, value: metric.of(own.at(-1)) } : {};
  const values = valuesWithin(own.slice(after - 1, after + 1), metric, highest, highest);
  return { bpp: highest, value: values[0] };
}

function clip(number, box) {
  const area = shape("rect", { x: box.left, y: box.top, width: box.right - box.left, height: box.bottom - box.top });
  return shape("clipPath", { id: `area-${number}` }, area);
}

function axes(x, y, box, width, height) {
  const parts = [];
  for (const { value, label } of x.ticks) {
    parts.push(shape("line", { class: "grid", x1: x.map(value), x2: x.map(value), y1: box.top, y2: box.bottom }));
    parts.push(shape("text", { x: x.map(value), y: box.bottom + 18, "text-anchor": "middle" }, label));
  }
  for (const { value, label } of y.ticks) {
    parts.push(shape("line", { class: "grid", x1: box.left, x2: box.right, y1: y.map(value), y2: y.map(value) }));
    parts.push(shape("text", { x: box.left - 8, y: y.map(value) + 4, "text-anchor": "end" }, label));
  }
  parts.push(shape("path", { class: "frame", d: `M${box.left} ${box.top}V${box.bottom}H${box.right}` }));
  parts.push(shape("text", { class: "axis-name", x: (box.left + box.right) / 2, y: height - 6, "text-anchor": "middle" }, "bits per pixel (whole file)"));
  return parts;
}

function drawCurve(curve, metric, x, y, number, box, drawn) {
  const points = curve.points.filter((point) => metric.of(point) !== null);
  const places = points.map((point) => ({ curve, point, x: x.map(point.bpp), y: y.map(metric.of(point)) }));
  const colour = `var(${curve.colour})`;
  const path = shape("path", { class: "curve", "clip-path": `url(#area-${number})`, stroke: colour, "stroke-dasharray": curve.dash, d: places.map((p, i) => `${i ? "L" : "M"}${p.x.toFixed(1)} ${p.y.toFixed(1)}`).join("") });
  const group = shape("g", { class: curve.published ? "published" : "measured", "data-curve": curve.label }, path);
  for (const place of places) {
    if (place.x < box.left - 1 || place.x > box.right + 1 || place.y < box.top - 1 || place.y > box.bottom + 1) continue;
    drawn.push(place);
    if (curve.published) continue;
    const mark = curve.mark(place.x, place.y, 4);
    mark.setAttribute("fill", colour);
    mark.setAttribute("class", "mark");
    group.append(mark);
  }
  return group;
}
