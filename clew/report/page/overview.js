// The run by time, which runs right: as a strip above the panes, and large in place of the picture.

const ARROWS_MAX = 2000;

class TimeView {
  // arrows: whether messages are drawn; box: gives the width and the height.
  constructor(model, page, canvas, box, arrows) {
    Object.assign(this, { model, page, canvas, box, withArrows: arrows });
    this.from = 0; this.to = Math.max(model.data.end, 1);
    canvas.addEventListener("wheel", event => { if (this.active) this.wheel(event); }, { passive: false });
    canvas.addEventListener("pointerdown", event => { if (this.active) this.press(event); });
    canvas.addEventListener("pointermove", event => { if (this.active) this.move(event); });
    canvas.addEventListener("pointerup", event => { if (this.active) this.release(event); });
    canvas.addEventListener("dblclick", () => { if (this.active) this.zoom(0, Math.max(model.data.end, 1)); });
  }
  get active() { return !this.withArrows || this.page.axis === "time"; }
  get left() { return LEFT; }
  x(time) { return this.left + (time - this.from) / (this.to - this.from) * (this.width - this.left - 12); }
  time(x) { return this.from + (x - this.left) / Math.max(this.width - this.left - 12, 1) * (this.to - this.from); }
  y(lane) { const place = this.place.get(lane); return place === undefined ? -99 : this.top + (place + 0.5) * this.step; }
  zoom(from, to) {
    const end = Math.max(this.model.data.end, 1), size = Math.min(Math.max(to - from, 1000), end * 1.02);
    this.from = Math.min(Math.max(from, -end * 0.01), end * 1.01 - size); this.to = this.from + size;
    this.page.redraw();
  }
  wheel(event) {
    event.preventDefault();
    const scale = Math.exp(event.deltaY * 0.0015), at = this.time(event.offsetX);
    if (Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
      const shift = event.deltaX / this.width * (this.to - this.from);
      this.zoom(this.from + shift, this.to + shift);
    } else this.zoom(at - (at - this.from) * scale, at + (this.to - at) * scale);
  }
  press(event) { this.pressed = { x: event.offsetX, from: this.from, to: this.to, moved: false }; this.canvas.setPointerCapture(event.pointerId); }
  move(event) {
    if (!this.pressed) return;
    const shift = (this.pressed.x - event.offsetX) / (this.width - this.left - 12) * (this.pressed.to - this.pressed.from);
    if (Math.abs(this.pressed.x - event.offsetX) > 3) this.pressed.moved = true;
    if (this.pressed.moved) this.zoom(this.pressed.from + shift, this.pressed.to + shift);
  }
  release(event) {
    const clicked = this.pressed && !this.pressed.moved;
    this.pressed = null;
    if (!clicked) return;
    const moment = this.nearest(this.time(event.offsetX), event.offsetY);
    event.shiftKey ? this.page.measure(moment) : this.page.select(moment);
  }
  // The moment nearest to a place: of the lane there, if one is near.
  nearest(time, y) {
    const near = rank => Math.abs(this.model.time[rank] - time);
    let best = this.model.at(time);
    if (best + 1 < this.model.count && near(best + 1) < near(best)) best++;
    const lane = this.order.find(one => Math.abs(this.y(one) - y) < this.step / 2), own = this.model.ofLane[lane] ?? [];
    const rank = above(own.length, one => this.model.time[own[one]], time), room = 8 / this.width * (this.to - this.from);
    for (const one of [own[rank - 1], own[rank]]) if (one !== undefined && near(one) <= room) best = one;
    return best;
  }
  draw(order) {
    this.order = order; this.place = new Map(order.map((lane, rank) => [lane, rank]));
    const { clientWidth: width, clientHeight: height } = this.box;
    if (!width || !height) return;
    this.width = width; this.top = this.model.data.futures.length && !this.withArrows ? 26 : 4; this.step = (height - 22 - this.top) / order.length;
    const pen = prepared(this.canvas, width, height), end = height - 18;
    this.axis(pen, end);
    for (const [id, , detail, since, until] of this.model.data.faults) this.fault(pen, id, detail, since, until, end);
    for (const lane of order) {
      const y = this.y(lane);
      stroke(pen, [[this.left, y], [width - 12, y]], css("--faint"), 1);
      if (this.step > 10) label(pen, fitted(pen, this.model.laneName(lane), this.left - 14), this.left - 8, y, css("--soft"), "right");
    }
    this.load(pen);
    this.operations(pen);
    this.servers(pen);
    if (this.top > 4) this.likelihood(pen);
    if (this.withArrows) this.messages(pen, end);
    else this.density(pen, end);
    this.spans(pen);
    this.cursors(pen, end);
  }
  axis(pen, end) {
    const size = this.to - this.from, raw = size / Math.max(this.width / 130, 2), power = 10 ** Math.floor(Math.log10(raw));
    const step = [1, 2, 5, 10].map(one => one * power).find(one => one >= raw);
    for (let time = Math.ceil(Math.max(this.from, 0) / step) * step; time <= this.to; time += step) {
      const x = this.x(time), text = size >= 2e9 ? `${+(time / 1e9).toFixed(3)} s` : `${+(time / 1e6).toFixed(4)} ms`;
      stroke(pen, [[x, end], [x, end + 4]], css("--line"));
      label(pen, text, Math.min(x, this.width - 24), end + 11, css("--soft"), "center");
    }
  }
  fault(pen, id, detail, since, until, end) {
    const x = this.x(since), width = Math.max(this.x(until) - x, 1);
    if (x > this.width || x + width < this.left) return;
    pen.fillStyle = css("--fault"); pen.fillRect(Math.max(x, this.left), 0, Math.min(width, this.width - Math.max(x, this.left) - 12), end);
    if (width > 40 || this.withArrows) label(pen, fitted(pen, this.withArrows ? `${id}: ${detail}` : id, Math.max(width - 6, 40)), Math.max(x, this.left) + 4, Math.max(this.top + 3, 8), css("--lost"));
  }
  // The share of other futures that fail, from each moment on.
  likelihood(pen) {
    const futures = this.model.data.futures, base = 22, points = [];
    let before = futures[0][1] / futures[0][2];
    points.push([this.left, base - 18 * before]);
    for (const [time, failed, count] of futures) {
      const x = Math.min(Math.max(this.x(time), this.left), this.width - 12);
      points.push([x, base - 18 * before], [x, base - 18 * (before = failed / count)]);
    }
    points.push([this.width - 12, base - 18 * before]);
    stroke(pen, points, css("--bad"), 1.5);
    stroke(pen, [[this.left, base], [this.width - 12, base]], css("--faint"));
    const sure = this.model.inevitable();
    label(pen, `fails in ${Math.round(100 * futures[0][1] / futures[0][2])} % of ${futures[0][2]} futures`, this.left + 4, 8, css("--bad"));
    if (sure >= 0) {
      const x = this.x(futures[sure][0]), left = x > this.width * 0.6;
      label(pen, left ? "from here on in all \u2192" : "\u2190 from here on in all", x + (left ? -4 : 4), 14, css("--bad"), left ? "right" : "left");
    }
  }
  visible(since, until) { return until >= this.from && since <= this.to; }
  bar(since, until) { const x = Math.max(this.x(since), this.left); return [x, Math.max(Math.min(this.x(until), this.width - 12) - x, 1)]; }
  // How busy a node's workers are, above its line, and how long their queue is, below it.
  load(pen) {
    for (const [lane, window, queue, utilisation] of this.model.data.load) {
      const y = this.y(lane), room = this.step * 0.45, most = Math.max(...queue, 1);
      for (const [values, scale, colour, sign] of [[utilisation, 1, "--ok", -1], [queue, most, "--candidate", 1]]) {
        pen.fillStyle = css(colour); pen.globalAlpha = 0.45;
        values.forEach((value, rank) => {
          if (!this.visible(rank * window, (rank + 1) * window)) return;
          const [x, width] = this.bar(rank * window, (rank + 1) * window), high = room * Math.min(value / scale, 1);
          pen.fillRect(x, sign < 0 ? y - high : y, width, high);
        });
      }
      pen.globalAlpha = 1;
      if (this.withArrows) label(pen, `busy above, queue below (at most ${most})`, this.left + 4, y - this.step * 0.4, css("--soft"));
    }
  }
  operations(pen) {
    const high = Math.min(this.step * 0.5, 12);
    let last = -1;
    for (const [, lane, start, end, text, type, shown] of this.model.operations) {
      if (!this.visible(start, end)) continue;
      const [x, width] = this.bar(start, end), y = this.y(lane);
      if (!shown && !this.withArrows && x - last < 1) continue;
      last = x;
      pen.fillStyle = css(shown ? "--bad" : type === "ok" ? "--ok" : type === "fail" ? "--soft" : "--candidate");
      pen.globalAlpha = shown ? 1 : 0.6; pen.fillRect(x, y - high / 2, width, high); pen.globalAlpha = 1;
      if (this.withArrows && width > 50) label(pen, fitted(pen, text, width), x, y - high / 2 - 7, css(shown ? "--bad" : "--soft"));
    }
  }
  servers(pen) {
    for (const [lane, since, until, state] of this.model.data.servers) {
      if (!this.visible(since, until) || !(LEADING.has(state) || isCandidate(state))) continue;
      const [x, width] = this.bar(since, until), high = Math.min(LEADING.has(state) ? 6 : 3, this.step);
      pen.fillStyle = css(LEADING.has(state) ? "--lead" : "--candidate"); pen.fillRect(x, this.y(lane) - high / 2, width, high);
    }
  }
  spans(pen) {
    for (const [lane, since, until] of this.model.data.spans) {
      if (!this.visible(since, until)) continue;
      const [x, width] = this.bar(since, until), high = Math.min(this.step * 0.8, 14);
      pen.fillStyle = css("--paper"); pen.fillRect(x, this.y(lane) - high / 2, width, high);
      pen.fillStyle = css("--down"); pen.fillRect(x, this.y(lane) - high / 2, width, high);
    }
  }
  messages(pen, end) {
    const [first, last] = this.model.underWay(this.from, this.to), { sent, src, dest, took } = this.model.messages;
    if (last - first > ARROWS_MAX) { this.strips(pen, first, last); return; }
    const few = last - first < 120;
    for (let rank = first; rank < last; rank++) {
      const until = took[rank] < 0 ? sent[rank] : sent[rank] + took[rank];
      if (until < this.from && took[rank] >= 0) continue;
      const y1 = this.y(src[rank]), y2 = this.y(dest[rank]), x1 = this.x(sent[rank]), why = this.model.lost(rank);
      const followed = this.page.chain?.messages.has(rank);
      pen.globalAlpha = this.page.chain && !followed ? 0.2 : 1;
      if (why || took[rank] < 0) {
        const x2 = why ? x1 + (this.x(until) - x1) * 0.5 + 3 : x1 + 8, y = y1 + (y2 - y1) * 0.4;
        stroke(pen, [[x1, y1], [x2, y]], css(why ? "--lost" : "--soft"), 1.2, [4, 3]);
        if (why) cross(pen, x2, y, css("--lost"), 3);
      } else arrow(pen, x1, y1, this.x(until), y2, css("--message"), followed ? 3 : 1.2);
      if (few) label(pen, fitted(pen, this.model.messageText("type", rank), 120), (x1 + this.x(until)) / 2, (y1 + y2) / 2 - 6, css("--message"), "center");
    }
    pen.globalAlpha = 1;
    label(pen, `${(last - first).toLocaleString("en")} messages`, this.width - 14, end - 8, css("--soft"), "right");
  }
  // How many messages each lane sends, pixel by pixel, and how many of them are lost.
  strips(pen, first, last) {
    const { sent, src } = this.model.messages, size = Math.ceil(this.width / 2);
    const all = this.order.map(() => new Uint32Array(size + 1)), lost = this.order.map(() => new Uint32Array(size + 1));
    let most = 1;
    for (let rank = first; rank < last; rank++) {
      const place = this.place.get(src[rank]), column = Math.floor(this.x(sent[rank]) / 2);
      if (place === undefined || column < 0 || column > size) continue;
      most = Math.max(most, ++all[place][column]);
      if (this.model.data.messages.why[rank]) lost[place][column]++;
    }
    this.order.forEach((lane, place) => {
      const base = this.y(lane) + this.step * 0.4, room = this.step * 0.7;
      for (const [counts, colour] of [[all, "--message"], [lost, "--lost"]]) {
        pen.fillStyle = css(colour);
        counts[place].forEach((count, column) => { if (count) pen.fillRect(column * 2, base - room * count / most, 2, room * count / most); });
      }
    });
    label(pen, `${(last - first).toLocaleString("en")} messages: density by sender, losses red; zoom in for arrows`, this.width - 14, this.top + 6, css("--soft"), "right");
  }
  // How many messages are sent over time, and how many are lost: along the axis of the strip.
  density(pen, end) {
    const { sent } = this.model.messages, [first, last] = this.model.underWay(this.from, this.to), key = `${this.from}/${this.to}/${this.width}`;
    if (this.counted !== key) {
      const size = Math.ceil(this.width / 2);
      this.all = new Uint32Array(size + 1); this.lost = new Uint32Array(size + 1); this.counted = key;
      for (let rank = first; rank < last; rank++) {
        const column = Math.floor(this.x(sent[rank]) / 2);
        if (column < 0 || column > size) continue;
        this.all[column]++;
        if (this.model.data.messages.why[rank]) this.lost[column]++;
      }
    }
    const most = this.all.reduce((one, other) => Math.max(one, other), 1), room = Math.min(this.step, 12);
    for (const [counts, colour, alpha] of [[this.all, "--message", 0.35], [this.lost, "--lost", 0.7]]) {
      pen.fillStyle = css(colour); pen.globalAlpha = alpha;
      counts.forEach((count, column) => { if (count) pen.fillRect(column * 2, end - room * count / most, 2, room * count / most); });
    }
    pen.globalAlpha = 1;
  }
  cursors(pen, end) {
    const line = (moment, colour, width) => {
      if (moment < 0) return;
      const x = this.x(this.model.time[moment]);
      if (x >= this.left - 1 && x <= this.width) stroke(pen, [[x, 0], [x, end]], colour, width);
    };
    line(this.page.hovered, css("--line"), 1); line(this.page.mark, css("--soft"), 1.5); line(this.model.data.failure, css("--bad"), 1.5);
    line(this.page.cursor, css("--cursorline"), 2.5);
  }
}
