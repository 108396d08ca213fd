// The page: one cursor for all panes, its keys, and its address.

class Page extends Frame {
  constructor(model) {
    super(model.data.head);
    this.model = model; this.cursor = -1; this.hovered = -1; this.mark = -1; this.chain = null; this.axis = "order";
    this.causes = model.data.failure >= 0; this.near = true;
    this.picture = new Picture(model, this);
    this.story = new Story(model, this); this.state = new StatePane(model, this);
    const strip = document.getElementById("strip");
    this.overview = new TimeView(model, this, strip, document.getElementById("overview"), false);
    this.large = new TimeView(model, this, this.picture.canvas, this.picture.scroll, true);
    this.figures = new Figures(model, this);
    this.range = document.getElementById("range");
    this.range.max = Math.max(model.count - 1, 0);
    this.range.addEventListener("input", () => this.select(Number(this.range.value)));
    const click = (name, act) => document.getElementById(name).addEventListener("click", act);
    click("first", () => this.select(this.shown[0] ?? 0)); click("before", () => this.step(-1)); click("after", () => this.step(1));
    click("failure", () => this.fail());
    for (const [name, act] of [["axis", one => { this.axis = one; }], ["show", one => { this.causes = one === "causes"; }], ["lanes", one => { this.near = one === "near"; }]])
      for (const button of document.querySelectorAll(`[data-${name}]`)) button.addEventListener("click", () => { act(button.dataset[name]); this.arrange(); });
    for (const tab of document.querySelectorAll("[role=tab]")) tab.addEventListener("click", () => this.tab(tab.dataset.tab));
    const find = document.getElementById("find");
    find.addEventListener("keydown", event => {
      if (event.key === "Enter") this.find(find.value, event.shiftKey ? -1 : 1);
      else if (event.key === "Escape") find.blur();
    });
    window.addEventListener("hashchange", () => this.fromAddress());
    new ResizeObserver(() => this.redraw()).observe(document.body);
    new ResizeObserver(() => this.redraw()).observe(this.picture.scroll);
    this.paint();
    this.tab("picture");
    this.arrange();
    if (!this.fromAddress()) this.fail();
  }
  get shown() { return this.picture.shown; }
  arrange() {
    const order = this.model.lanes.map((_, rank) => rank);
    if (!this.near) order.sort((a, b) => this.model.laneName(a).localeCompare(this.model.laneName(b), "en", { numeric: true }));
    this.order = order;
    this.picture.arrange(this.causes, order);
    const { idle, repeat, outside } = this.picture.hidden;
    const parts = [[idle, "idle timers"], [repeat, "repeats"], [outside, "outside the failure's past"]].filter(([count]) => count).map(([count, what]) => `${count.toLocaleString("en")} ${what}`);
    document.getElementById("hidden").textContent = parts.length ? `Hidden: ${parts.join(", ")}` : `All ${this.model.data.records.toLocaleString("en")} records`;
    for (const [name, value] of [["axis", this.axis], ["show", this.causes ? "causes" : "all"], ["lanes", this.near ? "near" : "name"]])
      for (const button of document.querySelectorAll(`[data-${name}]`)) button.setAttribute("aria-pressed", String(button.dataset[name] === value));
    document.getElementById("tall").hidden = document.getElementById("heads").hidden = this.axis !== "order";
    const plots = this.axis === "figures";
    document.getElementById("plots").hidden = !plots; this.picture.scroll.hidden = plots;
    if (plots) this.figures.show();
    if (this.axis === "time") {
      this.picture.scroll.scrollTop = 0;
      const time = this.model.time[Math.max(this.cursor, 0)] ?? 0, half = Math.min(this.model.data.end / 2, 60e6);
      if (this.large.to - this.large.from > 4 * half) this.large.zoom(time - half, time + half);
    } else if (this.cursor >= 0 && !plots) this.picture.show(this.cursor);
    this.redraw();
  }
  paint() { super.paint(); this.figures.paint(); }
  redraw() {
    if (this.asked) return;
    this.asked = true;
    requestAnimationFrame(() => {
      this.asked = false;
      this.overview.draw(this.order);
      if (this.picture.scroll.clientWidth) this.axis === "time" ? this.large.draw(this.order) : this.picture.draw();
    });
  }
  select(moment) {
    if (!(moment >= 0 && moment < this.model.count)) return;
    this.cursor = moment;
    this.range.value = moment;
    const apart = this.mark >= 0 ? `, ${span(this.model.time[moment] - this.model.time[this.mark])} from the mark` : "";
    document.getElementById("where").textContent = `event ${this.model.number[moment]} of ${this.model.data.records}, ${seconds(this.model.time[moment])}${apart}`;
    this.story.follow(moment);
    this.state.show(moment);
    if (this.axis === "figures") this.figures.follow(moment);
    else if (this.axis === "order") this.picture.show(moment);
    else {
      const time = this.model.time[moment], { from, to } = this.large;
      if (time < from || time > to) this.large.zoom(time - (to - from) / 2, time + (to - from) / 2);
    }
    history.replaceState(null, "", `#e${this.model.number[moment]}`);
    this.redraw();
  }
  preview(moment, text, event) {
    this.tip(text, event);
    if (this.hovered !== moment) { this.hovered = moment; this.redraw(); }
  }
  measure(moment) { this.mark = this.mark === moment ? -1 : moment; this.select(this.cursor); }
  step(by) {
    const at = above(this.shown.length, row => this.shown[row], this.cursor) - 1, exact = this.shown[at] === this.cursor;
    this.select(this.shown[Math.min(Math.max(by > 0 ? at + 1 : exact ? at - 1 : at, 0), this.shown.length - 1)]);
  }
  along(by) {
    const own = this.model.ofLane[this.model.lane[this.cursor]];
    if (own) this.select(own[Math.min(Math.max(own.indexOf(this.cursor) + by, 0), own.length - 1)]);
  }
  fail() { this.select(this.model.data.failure >= 0 ? this.model.data.failure : this.shown[this.shown.length - 1] ?? 0); }
  follow() {
    const sent = this.model.sent[this.cursor], message = this.model.came[this.cursor] >= 0 ? this.model.came[this.cursor] : sent[0];
    this.chain = this.chain || message === undefined ? null : this.model.chain(message);
    this.redraw();
  }
  find(text, by) {
    const wanted = text.trim().toLowerCase();
    if (!wanted) return;
    for (let step = 1; step <= this.model.count; step++) {
      const rank = (this.cursor + by * step + this.model.count * 2) % this.model.count;
      if (this.model.words(rank).toLowerCase().includes(wanted)) { this.select(rank); return; }
    }
    document.getElementById("where").textContent = `nothing has \u201c${cut(wanted, 20)}\u201d`;
  }
  fromAddress() {
    const found = /^#([et])(\d+)$/.exec(location.hash);
    if (!found) return false;
    const moment = found[1] === "e" ? this.model.ofNumber(Number(found[2])) : this.model.at(Number(found[2]));
    if (moment !== this.cursor) this.select(moment);
    return true;
  }
  tab(name) {
    document.body.dataset.tab = name;
    for (const tab of document.querySelectorAll("[role=tab]")) tab.setAttribute("aria-selected", String(tab.dataset.tab === name));
    this.redraw();
  }
  get keys() {
    return {
      j: () => this.step(1), k: () => this.step(-1), ArrowDown: () => this.step(1), ArrowUp: () => this.step(-1), "[": () => this.along(-1), "]": () => this.along(1),
      n: () => this.story.go(1), p: () => this.story.go(-1), f: () => this.fail(), m: () => this.follow(), b: () => this.measure(this.cursor),
      ",": () => this.state.change(-1), ".": () => this.state.change(1), Home: () => this.select(this.shown[0] ?? 0), End: () => this.select(this.shown[this.shown.length - 1] ?? 0),
      "/": () => document.getElementById("find").focus(), Escape: () => { this.chain = null; this.mark = -1; this.select(this.cursor); },
    };
  }
}

unpacked().then(data => { window.clew = new Page(new Model(data)); });
