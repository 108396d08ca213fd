// The verdict's own picture: operations as intervals, or transactions that depend on each other.

// What shows an anomaly, as elements. `width` is that of the drawing; `go(number, time)` shows an operation's end, if anything can.
function evidence(shown, { width = 320, go = null } = {}) {
  if (shown.kind === "none") return [];
  const draw = { cycle, matrix, totals, order: intervals, operations: intervals }[shown.kind];
  const parts = [...(shown.reason ? [element("p", "note", shown.reason)] : []), ...draw(shown, width, go)];
  if (shown.left) parts.push(element("p", "note soft", `${shown.left.toLocaleString("en")} ${shown.leftOut ?? "earlier operations"} are not drawn.`));
  return parts;
}

// What a click or Enter on a part of a drawing does, if anything.
function acts(part, act) {
  if (!act) return;
  part.setAttribute("tabindex", "0"); part.setAttribute("role", "button"); part.setAttribute("style", "cursor:pointer");
  part.addEventListener("click", act);
  part.addEventListener("keydown", event => { if (event.key === "Enter") act(); });
}

// Operations as intervals, with the order that explains most of them drawn through them.
function intervals({ shown, prefix = [], wrong = -1, states = [], minimal = [] }, width, go) {
  const timed = shown.filter(one => one[3] !== null);
  if (!timed.length) return [];
  const from = Math.min(...timed.map(one => one[3])), to = Math.max(...timed.map(one => one[4] ?? one[3]), from + 1);
  const high = 30, svg = drawn("svg", { viewBox: `0 0 ${width} ${timed.length * high + 16}`, role: "img", "aria-label": "Operations by time" });
  const x = time => 6 + (time - from) / (to - from) * (width - 16), at = new Map();
  timed.forEach(([number, text, who, start, end, type], rank) => {
    const y = rank * high + 22, left = x(start), right = Math.max(end === null ? width - 4 : x(end), left + 5);
    const bad = number === wrong || (wrong < 0 && minimal.includes(number)), colour = bad ? "var(--bad)" : type === "ok" ? "var(--ok)" : "var(--soft)";
    const group = drawn("g", {});
    group.append(drawn("title", {}, `${who}: ${text}`));
    group.append(drawn("rect", { x: left, y: y - 5, width: right - left, height: 10, rx: 3, fill: bad ? "var(--badpaper)" : "var(--card)", stroke: colour, "stroke-width": bad ? 2.5 : 1.5, "stroke-dasharray": end === null ? "4 3" : "none" }));
    const late = left > width * 0.55, words = cut(`${text}  (${who})`, Math.round(width * 0.15)), edge = words.length * 7 < right ? right : width - 4;
    group.append(drawn("text", { x: late ? edge : left, y: y - 9, "text-anchor": late ? "end" : "start", style: `fill:${colour}` }, words));
    acts(group, go && (() => go(number, end ?? start)));
    svg.append(group);
    at.set(number, { y, left, right });
  });
  let last = 0;
  const points = prefix.filter(number => at.has(number)).map(number => {
    const { y, left, right } = at.get(number);
    last = Math.min(Math.max(left + 2, last + 1), Math.max(right - 2, left + 2)); // a point within its interval, after the one before
    return [last, y];
  });
  if (points.length) svg.append(drawn("polyline", { points: points.map(point => point.join(",")).join(" "), fill: "none", stroke: "var(--ok)", "stroke-width": 1.2, "stroke-dasharray": "3 3" }));
  for (const [px, py] of points) svg.append(drawn("circle", { cx: px, cy: py, r: 3.2, fill: "var(--ok)" }));
  if (!prefix.length) return [svg];
  return [svg, element("p", "note soft", `The dashed line is an order that explains ${prefix.length.toLocaleString("en")} operations; then ${states.join(", or ") || "nothing fits"}.`)];
}

// Transactions, with the dependencies between them.
function cycle({ transactions, edges }, width, go) {
  const high = 54, room = width - 96, svg = drawn("svg", { viewBox: `0 0 ${width} ${transactions.length * high + 10}`, role: "img", "aria-label": "Transactions that depend on each other" });
  const y = new Map(transactions.map(([name], rank) => [name, rank * high + 24]));
  for (const [name, text, number, end] of transactions) {
    const group = drawn("g", {});
    group.append(drawn("title", {}, `${name}: ${text}`), drawn("rect", { x: 4, y: y.get(name) - 13, width: room - 4, height: 26, rx: 4, fill: "var(--card)", stroke: "var(--line)" }),
      drawn("text", { x: 10, y: y.get(name) + 4 }, cut(`${name}: ${text}`, Math.round(room * 0.16))));
    acts(group, go && end !== null && (() => go(number, end)));
    svg.append(group);
  }
  edges.forEach(([from, to, type, key], rank) => {
    const [y1, y2] = [y.get(from), y.get(to)], bend = room + 20 + (rank % 3) * 18 + Math.abs(y2 - y1) * 0.08, colour = { ww: "var(--bad)", wr: "var(--message)", rw: "var(--candidate)" }[type] ?? "var(--soft)";
    svg.append(drawn("path", { d: `M${room} ${y1 + 4} C ${bend} ${y1 + 4}, ${bend} ${y2 - 4}, ${room + 4} ${y2 - 4}`, fill: "none", stroke: colour, "stroke-width": 1.6 }),
      drawn("path", { d: `M${room} ${y2 - 4} l7 -3.5 l0 7 z`, fill: colour }),
      drawn("text", { x: Math.min(bend - 8, room + 38), y: (y1 + y2) / 2 + 4 + (rank % 2) * 12, style: `fill:${colour}` }, `${type} ${key}`.trim()));
  });
  return [svg];
}

// What each reader shows of each value: there, not yet, missing, more than once, or there though nobody sent it.
const CELLS = [["", "", "does not show it, and need not"], ["there", "\u2713", "shows it"], ["missing", "\u2717", "does not show it, though it was acknowledged before"], ["twice", "", "shows it more than once"], ["phantom", "!", "shows it, though nobody had sent it"]];

function matrix({ readers, rows }, width, go) {
  const box = element("div", "table matrix"), made = element("table"), top = made.createTHead().insertRow(), body = made.createTBody(), seen = new Set();
  top.append(element("th", "", "value"));
  for (const [label] of readers) top.append(element("th", "reader", label));
  top.append(element("th", "", ""));
  for (const [value, word, sent, cells] of rows) {
    const row = body.insertRow(), head = element("th", "mono", value);
    head.title = sent;
    row.append(head);
    cells.forEach(([code, count], rank) => {
      const [name, sign, told] = CELLS[code], cell = row.insertCell(), [label, end] = readers[rank];
      seen.add(code);
      cell.className = `cell ${name}`;
      cell.textContent = count > 1 ? `${count}x` : sign;
      cell.title = `${label} ${told}`;
      if (go && end !== null) acts(cell, () => go(-1, end));
    });
    row.append(element("td", "word", word));
  }
  box.append(made);
  const key = [...seen].filter(code => code).sort().map(code => `${CELLS[code][1] || "2x"} ${CELLS[code][2]}`);
  return [box, element("p", "note soft", `${readers.some(([, end]) => end !== null) ? "What the reads of each node show" : "How often each node gave a value out"}. ${key.join("; ")}.`)];
}

// What the reads of a counter show.
function totals({ rows, sum, unknown }) {
  const box = element("div", "table matrix"), made = element("table"), top = made.createTHead().insertRow(), body = made.createTBody();
  for (const head of ["node", "total", ""]) top.append(element("th", head === "total" ? "count" : "", head));
  for (const [node, total, told] of rows) {
    const row = body.insertRow();
    row.append(element("th", "", node), element("td", `count${sum && !unknown && told === "final read" && total !== sum ? " missing" : ""}`, total), element("td", "soft", told));
  }
  box.append(made);
  const more = unknown ? `, and ${unknown.toLocaleString("en")} more may have counted` : "";
  return sum ? [box, element("p", "note soft", `The acknowledged additions come to ${sum}${more}.`)] : [box];
}
