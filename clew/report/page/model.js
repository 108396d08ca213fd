// The run: its moments, messages and states, as the panes read them.

const PAST = 1, IDLE = 2, EFFECT = 4, WRONG = 8, REPEAT = 16;

class Model {
  constructor(data) {
    this.data = data;
    this.texts = data.texts;
    this.lanes = data.lanes;
    const m = data.moments, s = data.messages;
    this.count = m.number.length;
    this.number = m.number; this.last = m.last; this.time = summed(m.time); this.lane = m.lane;
    this.flags = m.flags; this.operation = m.operation.map(number => number - 1);
    this.stateText = m.state.map(rank => (rank ? this.texts[rank] : null));
    this.messages = { count: s.number.length, number: summed(s.number), sent: summed(s.sent), took: s.took, from: s.from, to: s.to,
      src: s.src, dest: s.dest, copy: s.copy };
    this.byNumber = new Map(this.messages.number.map((number, rank) => [number, rank]));
    this.came = m.came.map(number => (number ? this.byNumber.get(number - 1) : -1));
    this.operations = data.operations;
    this.byOperation = new Map(data.operations.map(one => [one[0], one]));
    this.sent = Array.from({ length: this.count }, () => []);
    for (let rank = 0; rank < this.messages.count; rank++)
      if (s.from[rank] >= 0) this.sent[s.from[rank]].push(rank);
    this.ofLane = this.lanes.map(() => []);
    for (let rank = 0; rank < this.count; rank++) if (this.lane[rank] >= 0) this.ofLane[this.lane[rank]].push(rank);
    this.trees = new Map();
  }
  text(column, rank) { return this.texts[this.data.moments[column][rank]]; }
  messageText(column, rank) { return this.texts[this.data.messages[column][rank] ?? 0] ?? ""; }
  lost(message) { return this.messageText("why", message); }
  ended(message) { const took = this.messages.took[message]; return took < 0 ? Infinity : this.messages.sent[message] + took; }
  laneName(lane) { return lane < 0 ? "" : this.lanes[lane].name; }

  // A moment in a sentence.
  words(rank) {
    const kind = this.text("kind", rank), name = this.text("name", rank), here = this.laneName(this.lane[rank]);
    const parts = [];
    if (this.came[rank] >= 0)
      parts.push(`${here} receives ${this.messageText("label", this.came[rank])} from ${this.laneName(this.messages.src[this.came[rank]])}`);
    else if (kind === "timer") parts.push(`${here}: timer ${name}`);
    else if (kind === "fault") parts.push(`Fault ${name}`);
    else if (kind === "heal") parts.push(`End of fault ${name}`);
    else if (kind === "phase") parts.push(name === "recover" ? "Everything heals" : "Final reads");
    else parts.push(name || here);
    if (this.text("notes", rank)) parts.push(this.text("notes", rank));
    const to = new Map();
    for (const message of this.sent[rank]) {
      if (this.messages.copy[message]) continue;
      const label = this.messageText("label", message), why = this.lost(message);
      if (!to.has(label)) to.set(label, []);
      to.get(label).push(this.laneName(this.messages.dest[message]) + (why ? ` (lost: ${why})` : ""));
    }
    for (const [label, ends] of to) parts.push(`sends ${label} to ${ends.join(", ")}`);
    return parts.join("; ");
  }

  // The first and one after the last of the messages that may be under way in an interval: they are in the order of sending.
  underWay(from, to) {
    const { sent, took, count } = this.messages;
    if (!this.latest) { // the latest end of any message sent so far; one that never ends goes to the end
      let latest = 0;
      this.latest = Float64Array.from({ length: count }, (_, rank) => (latest = Math.max(latest, took[rank] < 0 ? sent[rank] : sent[rank] + took[rank])));
    }
    return [above(count, rank => this.latest[rank], from - 1), above(count, rank => sent[rank], to)];
  }
  // The last moment up to a time; 0 where all are later.
  at(time) { return Math.max(above(this.count, rank => this.time[rank], time) - 1, 0); }
  ofNumber(number) { return Math.max(above(this.count, rank => this.number[rank], number) - 1, 0); }

  // Whether a node's process is down at a time, and since when.
  down(lane, time) {
    return this.data.spans.find(([where, since, until, why]) => where === lane && since <= time && time < until && why === "crash");
  }

  // A node's state after so many records of the trace, with the record since which it is so; null if it showed none.
  state(lane, records) {
    const changes = this.data.states[lane];
    if (!changes) return null;
    const rank = above(changes.length, one => changes[one][0], records) - 1;
    return rank < 0 ? null : { since: changes[rank][0], tree: this.tree(lane, changes, rank) };
  }
  tree(lane, changes, rank) {
    const key = one => `${lane}/${one}`;
    let first = rank;
    while (!changes[first][1] && !this.trees.has(key(first))) first--;
    let tree = changes[first][1] ? changes[first][2] : this.trees.get(key(first));
    for (let one = first + 1; one <= rank; one++) {
      tree = changed(tree, changes[one][2]);
      if (one % 32 === 0) this.trees.set(key(one), tree);
    }
    if (rank - first > 1) this.trees.set(key(rank), tree);
    return tree;
  }

  // The moments that are shown, in order, and how often each stands for a repeated one.
  rows(causes) {
    const shown = [], times = new Map(), last = new Map();
    const hidden = { idle: 0, repeat: 0, outside: 0 };
    for (let rank = 0; rank < this.count; rank++) {
      const flags = this.flags[rank], lane = this.lane[rank];
      if (causes && !(flags & WRONG)) {
        if (flags & IDLE) { hidden.idle++; continue; }
        if (!(flags & PAST)) { hidden.outside++; continue; }
        if (flags & REPEAT && last.has(lane)) {
          hidden.repeat++; times.set(last.get(lane), (times.get(last.get(lane)) ?? 1) + 1); continue;
        }
      }
      last.set(lane, rank);
      shown.push(rank);
    }
    return { shown, times, hidden };
  }

  // The rank of the first moment from which on all other futures fail; -1 for none.
  inevitable() {
    const futures = this.data.futures;
    let sure = futures.length;
    while (sure > 0 && futures[sure - 1][1] === futures[sure - 1][2]) sure--;
    return sure < futures.length ? sure : -1;
  }

  // All moments that led to a message, and all that it led to.
  chain(message) {
    const moments = new Set(), messages = new Set();
    for (let one = message; one >= 0 && !messages.has(one);) {
      messages.add(one);
      const from = this.messages.from[one];
      if (from < 0) break;
      moments.add(from);
      one = this.came[from];
    }
    const next = [message];
    while (next.length && messages.size < 2000) {
      const one = next.pop(), to = this.messages.to[one];
      messages.add(one);
      if (to < 0) continue;
      moments.add(to);
      for (const other of this.sent[to]) if (!messages.has(other)) next.push(other);
    }
    return { moments, messages };
  }
}

// A value is a text, or [label, names or 0, part, ...].
function changed(tree, change) {
  if (change === 0) return tree;
  if (change[0] === "=") return change[1];
  if (change[0] === "l") return [tree[0], 0, ...tree.slice(2, 2 + change[1]), ...change.slice(2)];
  const removed = new Set(change[2]), parts = new Map(tree[1].map((name, rank) => [name, tree[rank + 2]]));
  for (const name of removed) parts.delete(name);
  for (const [name, one] of change[1]) parts.set(name, changed(parts.get(name), one));
  return [tree[0], [...parts.keys()], ...parts.values()];
}

function part(tree, name) {
  if (!tree || typeof tree === "string" || !tree[1]) return undefined;
  const rank = tree[1].indexOf(name);
  return rank < 0 ? undefined : tree[rank + 2];
}

function told(tree) {
  if (tree === undefined) return "";
  if (typeof tree === "string") return tree;
  const parts = tree.slice(2).map((one, rank) => (tree[1] ? `${tree[1][rank]}: ` : "") + told(one));
  const [open, close] = tree[1] ? ["{", "}"] : ["[", "]"];
  return `${tree[0] ? `${tree[0]} ` : ""}${open}${parts.join(", ")}${close}`;
}

const LEADING = new Set(["leader", "primary"]);
function isCandidate(state) { return /candidate/.test(state ?? ""); }
