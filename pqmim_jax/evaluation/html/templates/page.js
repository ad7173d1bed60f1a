"use strict";
// Data, and the few things that every part of the page needs.

const root = document.documentElement;
window.addEventListener("error", (event) => fail(event.message));

function fail(message) {
  root.dataset.error = message;
  const place = document.getElementById("failure");
  place.textContent = `A part of this page failed: ${message}`;
  place.hidden = false;
}

const DATA = JSON.parse(document.getElementById("report-data").textContent);
const CODECS = new Map(DATA.codecs.map((codec) => [codec.name, codec]));

// An element with attributes, listeners (on...) and children; text is never read as markup.
function element(name, attributes = {}, ...children) {
  return fill(document.createElement(name), attributes, children);
}

function shape(name, attributes = {}, ...children) {
  return fill(document.createElementNS("http://www.w3.org/2000/svg", name), attributes, children);
}

function fill(node, attributes, children) {
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else if (value !== null && value !== undefined) node.setAttribute(key, value);
  }
  node.append(...children);
  return node;
}

const NARROW_SPACE = "\u202f";

// A rounded number with a true minus sign, or a dash for null.
function show(value, digits, unit = "", sign = false) {
  if (value === null || value === undefined) return "–";
  const text = value.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits, signDisplay: sign ? "always" : "auto" });
  return text.replaceAll(",", NARROW_SPACE).replace("-", "−") + (unit && NARROW_SPACE + unit);
}

// A labelled <select>; options are [value, text] pairs.
function choice(label, options, value, onchange) {
  const select = element("select", {}, ...options.map(([key, text]) => element("option", { value: key }, text)));
  if (value !== null) select.value = value;
  select.addEventListener("change", () => onchange(select.value));
  return { node: element("label", { class: "choice" }, element("span", {}, label), select), select };
}

function setOptions(select, options, value) {
  select.replaceChildren(...options.map(([key, text]) => element("option", { value: key }, text)));
  select.value = value;
}

// A row of buttons of which one is pressed.
function buttons(label, options, value, onchange) {
  const all = options.map(([key, text]) =>
    element("button", { type: "button", "aria-pressed": key === value, onclick: () => press(key) }, text));
  function press(key) {
    options.forEach(([other], i) => all[i].setAttribute("aria-pressed", other === key));
    onchange(key);
  }
  return element("div", { class: "choice" }, element("span", {}, label),
    element("div", { class: "buttons", role: "group", "aria-label": label }, ...all));
}

// A part of the page that fails says so and leaves the others alone.
function part(build) {
  try { build(); } catch (error) { fail(error.message); }
}
