// The plots, their legend and the switches above them.

const DASHES = ["7 4", "2 4", "10 3 2 3", "4 3"];
const COLOURS = 8;
const DECIBELS = (value) => (value === null || value >= 1 ? null : -10 * Math.log10(1 - value));
const METRICS = [
  { key: "psnr", name: "PSNR", hint: "dB, higher is better", digits: 2, unit: "dB", of: (p) => p.psnr ?? null },
  { key: "ms_ssim", name: "MS-SSIM", hint: "higher is better", digits: 4, unit: "", of: (p) => p.ms_ssim ?? null },
  { key: "lpips", name: "LPIPS", hint: "lower is better", digits: 4, unit: "", of: (p) => p.lpips ?? null },
  { key: "fid", name: "FID", hint: "lower is better", digits: 2, unit: "", of: (p) => p.fid ?? null },
  { key: "kid", name: "KID", hint: "lower is better", digits: 5, unit: "", of: (p) => p.kid ?? null },
];

function buildCurves() {
  const measured = DATA.codecs.map((codec, i) => ({ label: codec.label, name: codec.name, points: codec.points, published: false, mark: MARKS[i % MARKS.length], colour: `--s${i % COLOURS}`, dash: null }));
  const published = DATA.published.map((curve, i) => ({ label: curve.name, points: curve.points, published: true, colour: `--s${(i + measured.length) % COLOURS}`, dash: DASHES[i % DASHES.length] }));
  const all = [...measured, ...published];
  const state = { logarithmic: true, decibels: false, focused: true, hidden: new Set() };
  const ranges = { focus: rateRange(measured.filter((c) => c.name === DATA.primary), 0.75, 2.2), all: rateRange(measured, 0.92, 1.06) };
  const view = () => ({
    curves: all.filter((curve) => !state.hidden.has(curve)),
    logarithmic: state.logarithmic,
    range: state.focused ? ranges.focus : ranges.all,
  });
  const charts = METRICS.filter((metric) => all.some((curve) => curve.points.some((p) => metric.of(p) !== null)))
    .map((metric) => makeChart(metric, view));
  const redraw = () => charts.forEach((chart) => chart.draw());
  document.getElementById("charts").replaceChildren(...charts.map((chart) => chart.node));
  buildSwitches(state, redraw);
  document.getElementById("legend").replaceChildren(...all.map((curve) => legendKey(curve, state, redraw)));
}

function rateRange(curves, below, above) {
  const rates = curves.flatMap((curve) => curve.points.map((point) => point.bpp)).filter((rate) => rate > 0);
  return rates.length ? [Math.min(...rates) * below, Math.max(...rates) * above] : [0.01, 1];
}

function buildSwitches(state, redraw) {
  const set = (change) => (value) => { change(value); redraw(); };
  const primary = CODECS.get(DATA.primary).label;
  const controls = [
    buttons("Rates", [["focus", `near ${primary}`], ["all", "all"]], "focus", set((v) => { state.focused = v === "focus"; })),
    buttons("Scale", [["log", "log"], ["linear", "linear"]], "log", set((v) => { state.logarithmic = v === "log"; })),
  ];
  if (DATA.codecs.some((codec) => codec.points.some((point) => point.ms_ssim !== null))) {
    controls.push(buttons("MS-SSIM", [["plain", "plain"], ["db", "in dB"]], "plain", set(setDecibels)));
  }
  document.getElementById("curve-controls").replaceChildren(...controls);
}

// -10 log10(1 - MS-SSIM) of the mean: it spreads what crowds below 1.
function setDecibels(value) {
  const metric = METRICS.find(({ key }) => key === "ms_ssim");
  const on = value === "db";
  metric.of = on ? (point) => DECIBELS(point.ms_ssim ?? null) : (point) => point.ms_ssim ?? null;
  metric.digits = on ? 2 : 4;
  metric.unit = on ? "dB" : "";
  const hint = on ? "as −10 log₁₀(1 − mean), dB, higher is better" : metric.hint;
  document.querySelector('[data-metric="ms_ssim"] figcaption span').textContent = hint;
}

function legendKey(curve, state, redraw) {
  const colour = `var(${curve.colour})`;
  const sample = shape("svg", { width: 30, height: 14, "aria-hidden": "true" },
    shape("line", { x1: 1, x2: 29, y1: 7, y2: 7, stroke: colour, "stroke-width": curve.published ? 1.75 : 2.25, "stroke-dasharray": curve.dash }));
  if (curve.mark) {
    const mark = curve.mark(15, 7, 4);
    mark.setAttribute("fill", colour);
    sample.append(mark);
  }
  const spotlight = (on) => () => document.querySelectorAll("#charts g[data-curve]").forEach((group) =>
    group.classList.toggle("faded", on && !state.hidden.has(curve) && group.dataset.curve !== curve.label));
  const button = element("button", { type: "button", class: "key", "aria-pressed": true, onclick: toggle,
    onpointerenter: (event) => event.pointerType === "mouse" && spotlight(true)(), onpointerleave: spotlight(false) }, sample, curve.label);
  function toggle() {
    const shown = !state.hidden.delete(curve);
    if (shown) state.hidden.add(curve);
    button.setAttribute("aria-pressed", !shown);
    redraw();
  }
  return button;
}
