// What all pages are made of: their data, elements, colours, and the frame with its header.

async function unpacked() {
  const plain = JSON.parse(document.getElementById("data").textContent);
  return plain !== null ? plain : JSON.parse(await inflated(document.getElementById("packed")));
}

// The text that an element holds packed.
async function inflated(element) {
  const bytes = Uint8Array.from(atob(element.textContent), sign => sign.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Response(stream).text();
}

function summed(steps) {
  let sum = 0;
  return steps.map(step => (sum += step));
}

// The rank of the first of `count` sorted values that is greater than `value`.
function above(count, at, value) {
  let low = 0, high = count;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (at(middle) <= value) low = middle + 1; else high = middle;
  }
  return low;
}

function seconds(ns) { return (ns / 1e9).toFixed(6) + " s"; }
function span(ns) {
  const size = Math.abs(ns);
  return size >= 1e9 ? `${(ns / 1e9).toPrecision(4)} s` : size >= 1e6 ? `${(ns / 1e6).toPrecision(4)} ms` : `${(ns / 1e3).toPrecision(4)} us`;
}
function element(name, className = "", text = "") {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (text) made.textContent = text;
  return made;
}
const colours = new Map();
function css(name) {
  if (!colours.has(name)) colours.set(name, getComputedStyle(document.documentElement).getPropertyValue(name).trim());
  return colours.get(name);
}

const SVG = "http://www.w3.org/2000/svg";

function drawn(name, attributes, text = "") {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text) made.textContent = text;
  return made;
}
function cut(text, most) { return text.length > most ? text.slice(0, most - 1) + "\u2026" : text; }


// What every page has: a header, a theme, a tip beside the pointer, and a command to copy.
class Frame {
  constructor(head) {
    const verdict = document.getElementById("verdict"), mark = { invalid: "\u2717 ", valid: "\u2713 " }[head.verdict] ?? "? ";
    verdict.textContent = mark + (head.word ?? head.verdict).toUpperCase();
    verdict.classList.add(head.verdict);
    for (const name of ["title", "about", "headline"]) document.getElementById(name).textContent = head[name];
    document.getElementById("theme").addEventListener("click", () => this.theme());
    const copy = document.getElementById("copy");
    copy.hidden = !head.command;
    copies(copy, head.command);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.paint());
    document.addEventListener("keydown", event => this.key(event));
  }
  redraw() {}
  theme() {
    const dark = document.documentElement.dataset.theme === "dark";
    this.chosen = dark ? "light" : "dark";
    this.paint();
  }
  paint() {
    const system = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
    document.documentElement.dataset.theme = this.chosen ?? system;
    colours.clear();
    this.redraw();
  }
  tip(text, event) {
    const tip = document.getElementById("tip");
    tip.hidden = !text;
    if (!text) return;
    tip.textContent = cut(text, 1500);
    tip.style.left = `${Math.max(Math.min(event.clientX + 14, innerWidth - tip.offsetWidth - 8), 4)}px`;
    tip.style.top = `${Math.max(Math.min(event.clientY + 16, innerHeight - tip.offsetHeight - 8), 4)}px`;
  }
  // What the page's keys do.
  get keys() { return {}; }
  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.id === "find") return;
    const act = { t: () => this.theme(), ...this.keys }[event.key];
    if (!act || (event.target.id === "range" && event.key.startsWith("Arrow"))) return;
    event.preventDefault();
    act();
  }
}

// A button that copies a command; where a page may not, the button shows it.
function copies(button, command) {
  button.title = command;
  button.addEventListener("click", async () => {
    try { await navigator.clipboard.writeText(command); button.textContent = "Copied"; } catch { button.textContent = command; }
  });
}

// A table; a head that begins with # has numbers below it.
function table(heads, rows, caption = "") {
  const made = element("table"), top = made.createTHead().insertRow(), body = made.createTBody(), box = element("div", "table");
  if (caption) made.createCaption().textContent = caption;
  for (const head of heads) top.append(element("th", head.startsWith("#") ? "count" : "", head.replace("#", "")));
  for (const cells of rows) {
    const row = body.insertRow();
    cells.forEach((cell, rank) => {
      const made = row.insertCell();
      if (heads[rank].startsWith("#")) made.className = "count";
      else if (cell?.className === "bar") made.className = "share";
      made.append(cell);
    });
  }
  box.append(made);
  return box;
}
