// The picture by order: a row for each moment, time runs down; only the rows in view are drawn.

const ROW = 26, LEFT = 84, LONG = 400;

function arrow(pen, x1, y1, x2, y2, colour, width = 1.4) {
  stroke(pen, [[x1, y1], [x2, y2]], colour, width);
  const angle = Math.atan2(y2 - y1, x2 - x1), size = 7;
  pen.fillStyle = colour; pen.beginPath(); pen.moveTo(x2, y2);
  for (const turn of [-0.4, 0.4]) pen.lineTo(x2 - size * Math.cos(angle + turn), y2 - size * Math.sin(angle + turn));
  pen.fill();
}

class Picture {
  constructor(model, page) {
    this.model = model; this.page = page;
    this.scroll = document.getElementById("scroll"); this.canvas = document.getElementById("canvas");
    this.scroll.addEventListener("scroll", () => page.redraw());
    this.canvas.addEventListener("click", event => this.click(event));
    this.canvas.addEventListener("mousemove", event => this.hover(event));
    this.canvas.addEventListener("mouseleave", () => page.preview(-1, ""));
  }
  arrange(causes, order) {
    const { shown, times, hidden } = this.model.rows(causes);
    Object.assign(this, { shown, times, hidden, order });
    this.row = new Map(shown.map((moment, row) => [moment, row]));
    this.place = new Map(order.map((lane, rank) => [lane, rank]));
    this.asked = new Set(shown.map(moment => this.model.operation[moment]));
    this.reach = []; this.long = [];
    let reach = 0;
    shown.forEach((moment, row) => {
      for (const message of this.model.sent[moment]) {
        const to = this.row.get(this.model.messages.to[message]);
        if (to === undefined) continue;
        if (to - row > LONG) this.long.push(message); else reach = Math.max(reach, to);
      }
      this.reach.push(reach);
    });
    document.getElementById("tall").style.height = `${shown.length * ROW + 40}px`;
  }
  get width() { return Math.max(this.scroll.clientWidth, LEFT + 30 + this.order.length * 74); }
  x(lane) {
    const place = this.place.get(lane);
    return LEFT + (place + 0.5) * (this.width - LEFT - 20) / this.order.length - this.scroll.scrollLeft;
  }
  y(row) { return (row + 0.5) * ROW + 4 - this.scroll.scrollTop; }
  // The row of the last shown moment up to a time, and a half more.
  rowAt(time) { return above(this.shown.length, row => this.model.time[this.shown[row]], time) - 0.5; }

  heads() {
    const heads = document.getElementById("heads");
    const made = [];
    let group = "";
    for (const lane of this.order) {
      const { name, kind, group: own } = this.model.lanes[lane];
      const head = element("span", kind, name);
      head.title = name;
      head.style.left = `${this.x(lane)}px`;
      made.push(head);
      if (own && own !== group) {
        const above = element("span", "group", own);
        above.style.left = `${this.x(lane)}px`;
        made.push(above);
      }
      group = own;
    }
    heads.replaceChildren(...made);
  }
  draw() {
    const width = this.scroll.clientWidth, height = this.scroll.clientHeight;
    document.getElementById("tall").style.width = `${this.width}px`;
    const pen = prepared(this.canvas, width, height);
    const first = Math.max(Math.floor(this.scroll.scrollTop / ROW) - 1, 0);
    const last = Math.min(first + Math.ceil(height / ROW) + 3, this.shown.length - 1);
    this.heads();
    this.bands(pen, width, first, last);
    this.drawLanes(pen, first, last, height);
    this.walls(pen, width, first, last);
    this.drawOperations(pen, first, last);
    // Arrows that reach into view begin at or after the first row from which any reaches so far.
    const from = above(this.reach.length, row => this.reach[row], first - 1);
    for (let row = Math.min(from, first); row <= last; row++) this.arrows(pen, row, first, last);
    for (const message of this.long) this.drawMessage(pen, message, this.row.get(this.model.messages.from[message]), 1);
    for (let row = first; row <= last; row++) this.moment(pen, row, width);
  }
  bands(pen, width, first, last) {
    for (let row = first; row <= last; row++) {
      const moment = this.shown[row];
      if (moment === this.page.cursor) { pen.fillStyle = css("--cursor"); pen.fillRect(0, this.y(row) - ROW / 2, width, ROW); }
      else if (moment === this.page.hovered || moment === this.page.mark) {
        pen.fillStyle = css("--faint"); pen.fillRect(0, this.y(row) - ROW / 2, width, ROW);
      }
    }
  }
  drawLanes(pen, first, last, height) {
    for (const lane of this.order) {
      const x = this.x(lane), client = this.model.lanes[lane].kind === "client";
      stroke(pen, [[x, 0], [x, height]], css("--line"), client ? 1 : 1.5, client ? [1, 4] : []);
    }
    const clip = time => Math.min(Math.max(this.rowAt(time), first - 1), last + 1);
    for (const [lane, since, until, state] of this.model.data.servers) {
      if (!this.place.has(lane)) continue;
      const top = clip(since), bottom = clip(until);
      if (top >= bottom) continue;
      const points = [[this.x(lane), this.y(top)], [this.x(lane), this.y(bottom)]];
      if (LEADING.has(state)) stroke(pen, points, css("--lead"), 6);
      else if (isCandidate(state)) stroke(pen, points, css("--candidate"), 4, [5, 4]);
    }
    for (const [lane, since, until, why] of this.model.data.spans) {
      if (!this.place.has(lane)) continue;
      const top = clip(since), bottom = clip(until);
      if (top >= bottom) continue;
      const x = this.x(lane);
      pen.fillStyle = css("--paper"); pen.fillRect(x - 8, this.y(top), 16, this.y(bottom) - this.y(top));
      pen.fillStyle = css("--down"); pen.fillRect(x - 8, this.y(top), 16, this.y(bottom) - this.y(top));
      label(pen, why === "crash" ? "down" : "paused", x + 12, Math.max(this.y(top) + 8, 10), css("--soft"));
    }
  }
  walls(pen, width, first, last) {
    this.wall = undefined; // where none is in view, a lost message ends on its way
    for (const [, , , since, until, , sides] of this.model.data.faults) {
      if (!sides.length) continue;
      const top = Math.max(this.rowAt(since) - 0.5, first - 1), bottom = Math.min(this.rowAt(until), last + 1);
      const ranks = sides.map(side => side.map(lane => this.place.get(lane)).filter(rank => rank !== undefined));
      if (top >= bottom || !ranks[0].length || !ranks[1].length) continue;
      const [one, other] = Math.max(...ranks[0]) < Math.min(...ranks[1]) ? ranks : [ranks[1], ranks[0]];
      if (Math.max(...one) >= Math.min(...other)) continue; // the sides are mixed: only crosses show it
      const lane = this.order[Math.max(...one)], next = this.order[Math.min(...other)];
      const x = this.wall = (this.x(lane) + this.x(next)) / 2;
      pen.fillStyle = css("--fault"); pen.fillRect(x - 4, this.y(top), 8, this.y(bottom) - this.y(top));
      stroke(pen, [[x, this.y(top)], [x, this.y(bottom)]], css("--lost"), 1, [3, 4]);
    }
  }
  drawOperations(pen, first, last) {
    for (const [number, lane, start, end, text, type, shown] of this.model.operations) {
      const place = this.place.get(lane);
      if (place === undefined || !this.asked.has(number)) continue;
      const top = this.rowAt(start) - 0.5, bottom = this.rowAt(end) - 0.5;
      if (bottom < first - 1 || top > last + 1 || top >= bottom) continue;
      const x = this.x(lane), colour = css(shown ? "--bad" : type === "ok" ? "--ok" : type === "fail" ? "--soft" : "--candidate");
      pen.strokeStyle = colour; pen.lineWidth = shown ? 2.5 : 1.5; pen.setLineDash(type === "info" ? [4, 3] : []);
      pen.fillStyle = css("--paper");
      pen.beginPath(); pen.roundRect(x - 6, this.y(top) - 9, 12, this.y(bottom) - this.y(top) + 18, 4); pen.fill(); pen.stroke();
      pen.setLineDash([]);
      const right = place >= this.order.length / 2, room = (right ? this.scroll.clientWidth - x : x - LEFT) - 16, y = Math.min(Math.max(this.y((top + bottom) / 2), 12), this.scroll.clientHeight - 12);
      if (!shown && room < 60) continue;
      (shown ? wrapped(pen, text, room) : [fitted(pen, text, room)]).forEach((line, rank, all) =>
        label(pen, line, x + (right ? 10 : -10), y + (rank - (all.length - 1) / 2) * 14, colour, right ? "left" : "right", Boolean(shown)));
    }
  }
  arrows(pen, row, first, last) {
    const moment = this.shown[row], times = this.times.get(moment) ?? 1, said = new Set();
    for (const message of this.model.sent[moment]) {
      const to = this.row.get(this.model.messages.to[message]);
      if (row < first && (to === undefined || to < first)) continue;
      if (row > last && (to === undefined || to > last)) continue;
      if (to !== undefined && to - row > LONG) continue;
      this.drawMessage(pen, message, row, times, said);
    }
  }
  drawMessage(pen, message, row, times, said = new Set()) {
    const { src, dest, to } = this.model.messages;
    if (!this.place.has(src[message]) || !this.place.has(dest[message]) || row === undefined) return;
    const x1 = this.x(src[message]), x2 = this.x(dest[message]), y1 = this.y(row), why = this.model.lost(message);
    const followed = this.page.chain?.messages.has(message), faded = this.page.chain && !followed;
    pen.globalAlpha = faded ? 0.25 : this.model.flags[this.shown[row]] & PAST ? 1 : 0.45;
    const many = times > 1 ? `${times} x ` : "", what = many + this.model.messageText("label", message);
    const toRow = this.row.get(to[message]);
    if (why || toRow === undefined) {
      const wall = this.wall !== undefined && why === "partition" && (this.wall - x1) * (this.wall - x2) < 0 ? this.wall : x1 + (x2 - x1) * 0.45;
      const end = why ? wall : x1 + (x2 - x1) * 0.3, y2 = y1 + 8, colour = css(why ? "--lost" : "--soft");
      stroke(pen, [[x1, y1], [end, y2]], colour, 1.3, why ? [5, 3] : [2, 3]);
      if (why) cross(pen, end, y2, colour);
      const words = why ? `${what}, lost` : `${what} \u2026`, key = `${words}${Math.sign(x2 - x1)}`;
      if (x1 !== x2 && !said.has(key)) {
        const room = Math.max(Math.abs(end - x1), Math.abs(x2 - x1) * 0.6), short = `${many}${this.model.messageText("type", message)}${why ? ", lost" : " \u2026"}`;
        label(pen, pen.measureText(words).width < room ? words : fitted(pen, short, room), x1 + Math.sign(x2 - x1) * (room / 2 + 10), y1 - 3, colour, "center");
      }
      said.add(key); // several that are lost alike on the same side have one label
    } else if (x1 === x2) {
      stroke(pen, [[x1, y1], [x1 + 16, y1 + 4], [x1 + 16, this.y(toRow) - 4], [x1, this.y(toRow)]], css("--message"), 1.2);
    } else {
      const y2 = this.y(toRow), colour = css("--message");
      arrow(pen, x1, y1, x2, y2, colour, followed ? 3 : 1.4);
      const from = Math.max(y1, 8), until = Math.min(y2, this.scroll.clientHeight - 8);
      const share = y2 === y1 ? 0.5 : Math.min(Math.max(((from + until) / 2 - y1) / (y2 - y1), 0.1), 0.9);
      const room = Math.abs(x2 - x1) * 0.9, copy = this.model.messages.copy[message] ? "copy of " : "";
      const words = pen.measureText(copy + what).width < room ? copy + what : fitted(pen, copy + many + this.model.messageText("type", message), room);
      label(pen, words, x1 + (x2 - x1) * share, y1 + (y2 - y1) * share - 3, colour, "center");
    }
    pen.globalAlpha = 1;
  }
  moment(pen, row, width) {
    const model = this.model, moment = this.shown[row], y = this.y(row), lane = model.lane[moment], kind = model.text("kind", moment);
    const before = row ? model.time[this.shown[row - 1]] : -1;
    if (model.time[moment] !== before || row === 0) label(pen, (model.time[moment] / 1e6).toFixed(2), LEFT - 22, y, css("--soft"), "right");
    if (lane < 0 || !this.place.has(lane)) {
      const colour = css(kind === "fault" ? "--lost" : "--soft");
      stroke(pen, [[LEFT - 14, y], [width, y]], colour, 1, [6, 4]);
      label(pen, fitted(pen, model.words(moment), width - LEFT - 30), width - 12, y - 7, colour, "right", kind === "fault");
      return;
    }
    const x = this.x(lane), flags = model.flags[moment], wrong = flags & WRONG || moment === this.model.data.failure;
    pen.globalAlpha = this.page.chain ? (this.page.chain.moments.has(moment) ? 1 : 0.35) : flags & PAST ? 1 : 0.5;
    pen.fillStyle = wrong ? css("--bad") : css("--paper"); pen.strokeStyle = wrong ? css("--bad") : css("--ink"); pen.lineWidth = 1.5;
    pen.beginPath(); pen.arc(x, y, wrong ? 7 : 4, 0, 7); pen.fill(); pen.stroke();
    if (wrong) cross(pen, x, y, css("--card"), 3);
    const right = this.place.get(lane) < this.order.length - 1 || this.order.length === 1, side = right ? 11 : -11, align = right ? "left" : "right";
    const state = model.stateText[moment];
    if (state && kind !== "start") label(pen, state, x + side, y + (model.sent[moment].length ? -8 : 0), css(LEADING.has(state) ? "--lead" : isCandidate(state) ? "--candidate" : "--soft"), align, true);
    if (flags & EFFECT) label(pen, "takes effect", x - side, y + 9, css("--ok"), right ? "right" : "left");
    if (kind === "timer") label(pen, `timer ${model.text("name", moment)}`, x - side, y - 9, css("--soft"), right ? "right" : "left");
    if (["crash", "start", "pause", "resume", "slow", "clock", "members"].includes(kind) && !(kind === "start" && model.time[moment] === 0))
      label(pen, fitted(pen, model.text("name", moment), 170), x + side, y + 8, css(kind === "crash" ? "--lost" : "--soft"), align);
    pen.globalAlpha = 1;
  }
  rowOf(event) { return Math.floor((event.offsetY + this.scroll.scrollTop - 4) / ROW); }
  click(event) {
    if (this.page.axis === "time") return;
    const moment = this.shown[this.rowOf(event)];
    if (moment !== undefined) event.shiftKey ? this.page.measure(moment) : this.page.select(moment);
  }
  hover(event) {
    if (this.page.axis === "time") return;
    const moment = this.shown[this.rowOf(event)];
    if (moment === undefined) { this.page.preview(-1, ""); return; }
    const bodies = this.model.sent[moment].map(message => this.model.messageText("body", message)).filter(Boolean);
    const came = this.model.came[moment] >= 0 ? [this.model.messageText("body", this.model.came[moment])] : [];
    this.page.preview(moment, [this.model.words(moment), ...came, ...new Set(bodies)].join("\n"), event);
  }
  show(moment) {
    const row = this.row.get(moment) ?? Math.max(above(this.shown.length, one => this.shown[one], moment) - 1, 0);
    const top = row * ROW, view = this.scroll.clientHeight;
    if (top < this.scroll.scrollTop + ROW || top > this.scroll.scrollTop + view - 3 * ROW) this.scroll.scrollTop = top - view / 2;
  }
}

// A text in lines of at most so much room, at most three.
function wrapped(pen, text, room) {
  const lines = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line && pen.measureText(`${line} ${word}`).width > room) { lines.push(line); line = word; } else line = line ? `${line} ${word}` : word;
  }
  lines.push(line);
  return lines.slice(0, 3).map(one => fitted(pen, one, Math.max(room, 40)));
}

function fitted(pen, text, room) {
  if (pen.measureText(text).width <= room) return text;
  let size = Math.max(Math.floor(text.length * room / pen.measureText(text).width) - 2, 1);
  while (size > 1 && pen.measureText(text.slice(0, size) + "\u2026").width > room) size--;
  return text.slice(0, size) + "\u2026";
}
