// The panes beside the picture: the story with the verdict's evidence, and the nodes' state.

const SVG = "http://www.w3.org/2000/svg";

function drawn(name, attributes, text = "") {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text) made.textContent = text;
  return made;
}
function cut(text, most) { return text.length > most ? text.slice(0, most - 1) + "\u2026" : text; }

class Story {
  constructor(model, page) {
    this.model = model; this.page = page; this.pane = document.getElementById("story");
    this.steps = [];
    this.pane.append(element("h2", "", "What happened"));
    model.data.story.forEach(([moment, time, kind, text, more], rank) => {
      const step = element("button", `step of-${kind}`);
      step.type = "button";
      step.append(element("span", "rank", kind === "wrong" ? "\u2717" : String(rank + 1)), element("span", "text", text));
      for (const one of more) step.append(element("span", "more", one));
      step.append(element("span", "when", seconds(time)));
      step.addEventListener("click", () => page.select(moment));
      step.addEventListener("mouseenter", () => page.preview(moment, ""));
      step.addEventListener("mouseleave", () => page.preview(-1, ""));
      this.pane.append(step);
      this.steps.push([moment, step]);
    });
    const sure = model.inevitable(), from = sure < 0 ? null : model.data.futures[sure];
    const step = from && model.data.story.findIndex(one => one[1] >= from[0]);
    if (from && step >= 0) this.steps[step][1].append(element("span", "more sure", `From here on it fails in all ${from[2]} futures that were tried.`));
    this.evidence(model.data.evidence);
    this.pane.append(element("h2", "", "Checks"));
    const list = element("ul", "checks");
    for (const [name, verdict, reason] of model.data.checks) {
      const item = element("li", verdict);
      item.append(element("b", "", `${verdict === "valid" ? "\u2713" : verdict === "invalid" ? "\u2717" : "?"} ${name}`), reason);
      list.append(item);
    }
    this.pane.append(list);
    for (const remark of model.data.remarks) this.pane.append(element("p", "note soft", remark));
  }
  follow(moment) {
    let on = -1;
    this.steps.forEach(([at], rank) => { if (at <= moment) on = rank; });
    // Of several steps at one moment the one that was chosen stays.
    if (this.chosen !== undefined && this.steps[this.chosen]?.[0] === moment) on = this.chosen;
    this.steps.forEach(([, step], rank) => step.classList.toggle("on", rank === on));
    this.steps[on]?.[1].scrollIntoView({ block: "nearest" });
    this.on = on;
  }
  go(by) {
    const rank = Math.min(Math.max((this.on ?? -1) + by, 0), this.steps.length - 1);
    if (!this.steps[rank]) return;
    this.chosen = rank;
    this.page.select(this.steps[rank][0]);
  }
  evidence(shown) {
    if (shown.kind === "none") return;
    this.pane.append(element("h2", "", "Why it is wrong"), element("p", "note", shown.reason));
    if (shown.kind === "cycle") this.cycle(shown);
    else this.intervals(shown);
    if (shown.left) this.pane.append(element("p", "note soft", `${shown.left.toLocaleString("en")} earlier operations are not drawn.`));
  }
  // Operations as intervals, with the order that explains most of them drawn through them.
  intervals({ shown, prefix = [], wrong = -1, states = [], minimal = [] }) {
    const timed = shown.filter(one => one[3] !== null);
    if (!timed.length) return;
    const from = Math.min(...timed.map(one => one[3])), to = Math.max(...timed.map(one => one[4] ?? one[3]), from + 1);
    const width = 320, high = 30, svg = drawn("svg", { viewBox: `0 0 ${width} ${timed.length * high + 16}`, role: "img", "aria-label": "Operations by time" });
    const x = time => 6 + (time - from) / (to - from) * (width - 16), at = new Map();
    timed.forEach(([number, text, who, start, end, type], rank) => {
      const y = rank * high + 22, left = x(start), right = Math.max(end === null ? width - 4 : x(end), left + 5);
      const bad = number === wrong || (wrong < 0 && minimal.includes(number)), colour = bad ? "var(--bad)" : type === "ok" ? "var(--ok)" : "var(--soft)";
      const group = drawn("g", { tabindex: "0", role: "button", style: "cursor:pointer" });
      group.append(drawn("title", {}, `${who}: ${text}`));
      group.append(drawn("rect", { x: left, y: y - 5, width: right - left, height: 10, rx: 3, fill: bad ? "var(--badpaper)" : "var(--card)", stroke: colour, "stroke-width": bad ? 2.5 : 1.5, "stroke-dasharray": end === null ? "4 3" : "none" }));
      const late = left > width * 0.55;
      group.append(drawn("text", { x: late ? width - 4 : left, y: y - 9, "text-anchor": late ? "end" : "start", style: `fill:${colour}` }, cut(`${text}  (${who})`, 48)));
      group.addEventListener("click", () => this.page.select(this.page.model.at(end ?? start)));
      group.addEventListener("keydown", event => { if (event.key === "Enter") this.page.select(this.page.model.at(end ?? start)); });
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
    this.pane.append(svg);
    if (prefix.length) this.pane.append(element("p", "note soft", `The dashed line is an order that explains ${prefix.length.toLocaleString("en")} operations; then ${states.join(", or ") || "nothing fits"}.`));
  }
  cycle({ transactions, edges }) {
    const high = 54, width = 320, svg = drawn("svg", { viewBox: `0 0 ${width} ${transactions.length * high + 10}`, role: "img", "aria-label": "Transactions that depend on each other" });
    const y = new Map(transactions.map(([name], rank) => [name, rank * high + 24]));
    transactions.forEach(([name, text, number]) => {
      const group = drawn("g", { tabindex: "0", style: "cursor:pointer" });
      group.append(drawn("title", {}, `${name}: ${text}`), drawn("rect", { x: 4, y: y.get(name) - 13, width: 220, height: 26, rx: 4, fill: "var(--card)", stroke: "var(--line)" }),
        drawn("text", { x: 10, y: y.get(name) + 4 }, cut(`${name}: ${text}`, 36)));
      const end = this.model.byOperation.get(number)?.[3];
      if (end !== undefined) group.addEventListener("click", () => this.page.select(this.model.at(end)));
      svg.append(group);
    });
    edges.forEach(([from, to, type, key], rank) => {
      const [y1, y2] = [y.get(from), y.get(to)], bend = 244 + (rank % 3) * 18 + Math.abs(y2 - y1) * 0.08, colour = { ww: "var(--bad)", wr: "var(--message)", rw: "var(--candidate)" }[type] ?? "var(--soft)";
      svg.append(drawn("path", { d: `M224 ${y1 + 4} C ${bend} ${y1 + 4}, ${bend} ${y2 - 4}, 228 ${y2 - 4}`, fill: "none", stroke: colour, "stroke-width": 1.6 }),
        drawn("path", { d: `M224 ${y2 - 4} l7 -3.5 l0 7 z`, fill: colour }),
        drawn("text", { x: Math.min(bend - 8, 262), y: (y1 + y2) / 2 + 4 + (rank % 2) * 12, style: `fill:${colour}` }, `${type} ${key}`.trim()));
    });
    this.pane.append(svg);
  }
}

class StatePane {
  constructor(model, page) { this.model = model; this.page = page; this.pane = document.getElementById("state"); this.field = null; }
  show(moment) {
    const { model } = this, records = model.last[moment] + 1, lane = model.lane[moment];
    const parts = [element("h2", "", `After event ${model.number[moment]}, ${seconds(model.time[moment])}`), element("p", "note", model.words(moment))];
    const bodies = [model.came[moment], ...model.sent[moment]].filter(one => one >= 0).map(one => model.messageText("body", one)).filter(Boolean);
    for (const body of new Set(bodies)) parts.push(element("p", "note mono soft", body));
    if (model.data.stateless) parts.push(element("p", "note soft", model.data.stateless));
    const nodes = model.lanes.map((_, rank) => rank).filter(rank => model.lanes[rank].kind === "node").sort((a, b) => (b === lane) - (a === lane));
    for (const node of nodes) parts.push(this.node(node, moment, records, node === lane));
    parts.push(...this.flying(moment), ...this.open(moment));
    this.pane.replaceChildren(...parts);
  }
  node(lane, moment, records, here) {
    const { model } = this, box = element("div", here ? "node here" : "node"), head = element("div", "head");
    const now = model.state(lane, records), before = here ? model.state(lane, model.number[moment]) : now, time = model.time[moment];
    head.append(element("b", "", model.laneName(lane)));
    const server = model.data.servers.find(([where, since, until]) => where === lane && since <= time && time < until)?.[3];
    if (server && server !== "none") head.append(element("span", `server ${LEADING.has(server) ? "lead" : isCandidate(server) ? "candidate" : ""}`, server));
    const down = model.down(lane, time);
    if (down) head.append(element("span", "server", "down"));
    const same = now && before && now.tree === before.tree;
    head.append(element("span", "since", down ? `since ${seconds(down[1])}` : here ? (same ? "nothing changed" : "changed here") : now ? "" : "no state"));
    box.append(head);
    if (!now || down) return box;
    const fresh = !before;
    const shown = part(now.tree, "observe()");
    if (shown && typeof shown !== "string") box.append(this.fields(lane, "observe()", shown, part(before?.tree, "observe()"), fresh));
    for (const name of ["attributes", "disk", "unsynced writes"]) {
      const tree = part(now.tree, name), old = part(before?.tree, name);
      if (!tree || typeof tree === "string" || tree.length <= 2) continue;
      const details = element("details");
      const differs = here && !fresh && told(tree) !== told(old);
      details.open = !shown || (here && differs) || this.opened?.has(name);
      details.addEventListener("toggle", () => { this.opened ??= new Set(); details.open ? this.opened.add(name) : this.opened.delete(name); });
      details.append(element("summary", "", `${name}${differs ? ", changed" : ""}`), tree[1] ? this.fields(lane, name, tree, old, fresh) : element("div", "mono", told(tree)));
      box.append(details);
    }
    const timers = part(now.tree, "timers");
    if (timers && typeof timers !== "string") {
      const due = timers[1].map((name, rank) => `${name} in ${span(Number(timers[rank + 2]) - time)}`);
      box.append(element("p", "note soft", `timers: ${due.join(", ")}`));
    }
    return box;
  }
  fields(lane, group, tree, old, fresh) {
    const list = element("dl");
    tree[1].forEach((name, rank) => {
      const now = told(tree[rank + 2]), was = told(part(old, name)), differs = !fresh && now !== was;
      const term = element("dt", differs ? "changed" : "", name), value = element("dd", differs ? "changed" : "");
      if (differs && was && was.length < 60) value.append(element("s", "", was));
      value.append(cut(now, 600));
      const key = `${lane}/${group}/${name}`;
      term.title = "Follow this field: , and . go to its changes";
      term.classList.toggle("followed", this.field === key);
      term.addEventListener("click", () => { this.field = this.field === key ? null : key; this.show(this.page.cursor); });
      list.append(term, value);
    });
    return list;
  }
  // The nearest moment, before or after the cursor, at which the followed field changes.
  change(by) {
    if (!this.field) return;
    const [lane, group, ...rest] = this.field.split("/"), name = rest.join("/"), own = this.model.ofLane[lane];
    const value = rank => told(part(part(this.model.state(Number(lane), this.model.last[rank] + 1)?.tree, group), name));
    let at = above(own.length, one => own[one], this.page.cursor) - (by < 0 ? 1 : 0);
    if (by < 0 && own[at] === this.page.cursor) at--;
    for (; at >= 0 && at < own.length; at += by) {
      if (value(own[at]) !== (at ? value(own[at - 1]) : "")) { this.page.select(own[at]); return; }
    }
  }
  flying(moment) {
    const { model } = this, { from, to } = model.messages, list = element("ul", "list"), time = model.time[moment];
    const [first, last] = model.underWay(time, time);
    let count = 0;
    for (let rank = first; rank < last; rank++) {
      if (from[rank] > moment || !(to[rank] >= 0 ? to[rank] > moment : model.ended(rank) > time)) continue;
      if (++count > 12) continue;
      const fate = model.lost(rank) ? `will be lost: ${model.lost(rank)}` : model.ended(rank) < Infinity ? `arrives ${seconds(model.ended(rank))}` : "under way to the end";
      list.append(element("li", "", `${model.laneName(model.messages.src[rank])} \u2192 ${model.laneName(model.messages.dest[rank])} ${model.messageText("label", rank)}, ${fate}`));
    }
    if (count > 12) list.append(element("li", "soft", `${count - 12} more`));
    return [element("h2", "", `Messages in flight: ${count}`), list];
  }
  open(moment) {
    const time = this.model.time[moment], list = element("ul", "list");
    const open = this.model.operations.filter(([, , start, end]) => start <= time && end > time);
    for (const [, lane, start, , text, , , node] of open.slice(0, 12)) list.append(element("li", "", `${this.model.laneName(lane)} at ${node}: ${text}, since ${seconds(start)}`));
    if (open.length > 12) list.append(element("li", "soft", `${open.length - 12} more`));
    return [element("h2", "", `Open operations: ${open.length}`), list];
  }
}
