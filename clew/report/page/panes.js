// The panes beside the picture: the story with the verdict's evidence, and the nodes' state.

class Story extends Account {
  constructor(model, page) {
    const moment = (number, time) => (number < 0 ? model.at(time) : model.ofNumber(number));
    super(document.getElementById("story"), model.data, {
      go: (number, time) => page.select(moment(number, time)),
      preview: number => page.preview(number < 0 ? -1 : model.ofNumber(number), ""),
    });
    this.page = page;
    this.steps = this.steps.map(([number, step]) => [model.ofNumber(number), step]);
    const sure = model.inevitable(), from = sure < 0 ? null : model.data.futures[sure];
    const step = from && model.data.story.findIndex(one => one[1] >= from[0]);
    if (from && step >= 0) this.steps[step][1].append(element("span", "more sure", `From here on it fails in all ${from[2]} futures that were tried.`));
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
