// The page of a sweep: its scenarios, each way of failing with its story, and what all seeds showed.

class SweepPage extends PartedPage {
  constructor(data) {
    super(data, counted);
    this.seeds = new Seeds(document.getElementById("seeds"), document.getElementById("grid"), rank => this.chosen_seed(rank));
    this.seeds.page = this;
    new ResizeObserver(() => this.redraw()).observe(document.getElementById("grid"));
    this.begin();
  }
  get keys() { return { n: () => this.seeds.step(1), p: () => this.seeds.step(-1), ArrowRight: () => this.move(1), ArrowLeft: () => this.move(-1) }; }
  move(by) { this.seeds.select(Math.min(Math.max(this.seeds.at + by, 0), this.seeds.count - 1)); }
  redraw() { this.seeds?.draw(); }
  // The address names a scenario by its rank, where there are several, and a seed.
  fromAddress() {
    const found = /^#(?:p(\d+))?s(\d+)$/.exec(location.hash);
    const rank = Number(found?.[1] ?? 0);
    if (!found || !this.data.parts[rank]) return false;
    if (this.shown !== rank) this.part(rank);
    const seed = this.seeds.ranks.get(found[2]);
    if (seed !== undefined && seed !== this.seeds.at) this.seeds.select(seed);
    return true;
  }
  part(rank) {
    const part = super.part(rank);
    this.seeds.show(part.seeds);
    document.getElementById("counts").textContent = [part.options, counted(part)].filter(Boolean).join(". ") + (part.seeds.left ? `; the last ${part.seeds.left.toLocaleString("en")} are not drawn` : "");
    document.getElementById("seed").replaceChildren(element("span", "soft", "Choose a seed to see how it ended and what brings it back."));
    document.getElementById("failures").replaceChildren(...this.failures(part));
    document.getElementById("more").replaceChildren(...growth(part), ...faults(part), ...this.slowest(part), ...hunted(part), ...remarks(part));
    this.seeds.draw();
  }
  chosen_seed(rank) {
    const part = this.data.parts[this.shown], seed = this.seeds.seeds[rank], verdict = WORDS[this.seeds.verdict[rank]];
    const box = document.getElementById("seed"), time = this.seeds.milliseconds[rank];
    const ways = part.groups.filter(way => way.seeds.includes(seed)), actions = element("div", "actions");
    for (const way of ways) {
      const button = element("button", "", `Show ${cut(way.signature, 60)}`);
      button.type = "button";
      button.addEventListener("click", () => this.open(way));
      actions.append(button);
    }
    if (part.again.length) actions.append(copied("Copy its command", part.again.join(seed)));
    box.replaceChildren(element("b", "", `Seed ${seed}: ${verdict}`), time ? `, ${span(time * 1e6)}` : "", ...ways.map(way => element("div", "", way.seeds[0] === seed ? way.reason : way.signature)),
      ...(part.again.length ? [element("div", "mono soft", part.again.join(seed))] : []), actions);
    history.replaceState(null, "", `#${this.data.parts.length > 1 ? `p${this.shown}` : ""}s${seed}`);
  }
  open(way) {
    const box = this.ways.get(way);
    box.open = true;
    box.scrollIntoView({ block: "start" });
    box.querySelector("summary").focus();
  }
  failures(part) {
    this.ways = new Map();
    const parts = [element("h2", "", part.groups.length ? "Ways of failing" : "Failures")];
    if (part.met) parts.push(element("p", "note", `Expected: ${part.met[0]}. ${part.met[1]}`));
    if (!part.groups.length) parts.push(element("p", "note", "No seed failed."));
    part.groups.forEach((way, rank) => {
      const box = this.way(way);
      box.open = rank === 0;
      this.ways.set(way, box);
      parts.push(box);
    });
    return parts;
  }
  way(way) {
    const box = element("details", `way ${way.verdict}`), summary = element("summary"), many = way.count === 1 ? "1 run" : `${way.count.toLocaleString("en")} runs`;
    summary.append(element("b", "", `${way.verdict === "invalid" ? "\u2717" : "?"} ${many}`), way.signature, element("span", "more", way.account?.headline ?? way.reason));
    box.append(summary);
    const actions = element("div", "actions");
    if (way.page) {
      const link = element("a", "", "Open the page of its run");
      link.href = way.page;
      actions.append(link);
    }
    if (way.small) actions.append(copied("Copy the command of its smallest plan", way.small));
    if (way.command) actions.append(copied(`Copy the command of seed ${way.seeds[0]}`, way.command));
    box.append(actions);
    if (way.account) {
      const go = way.page && ((number, time) => { location.href = `${way.page}#${number < 0 ? `t${time}` : `e${number}`}`; });
      new Account(box, way.account, { go: go || null, width: Math.min(Math.max(document.getElementById("failures").clientWidth - 30, 320), 640) });
    } else box.append(element("p", "note", way.reason));
    box.append(element("h2", "", "Seeds"), this.chips(way));
    return box;
  }
  chips(way) {
    const chips = element("div", "chips");
    for (const seed of way.seeds) {
      const button = element("button", "", seed);
      button.type = "button";
      button.addEventListener("click", () => { const rank = this.seeds.ranks.get(seed); if (rank !== undefined) this.seeds.select(rank); });
      chips.append(button);
    }
    if (way.count > way.seeds.length) chips.append(element("span", "soft", `and ${(way.count - way.seeds.length).toLocaleString("en")} more`));
    return chips;
  }
  slowest(part) {
    const timed = part.slowest.filter(([, time]) => time > 0), most = timed[0]?.[1];
    if (!timed.length) return [];
    const rows = timed.map(([seed, time, verdict]) => {
      const button = element("button", "", seed);
      button.type = "button";
      button.addEventListener("click", () => { const rank = this.seeds.ranks.get(seed); if (rank !== undefined) this.seeds.select(rank); });
      return [button, span(time * 1e9), verdict, bar(time / most)];
    });
    const all = [...this.seeds.milliseconds].sort((one, other) => one - other), share = part => span(1e6 * all[Math.min(Math.floor(part * all.length), all.length - 1)]);
    return [element("h2", "", "Slowest seeds"), table(["seed", "#time", "verdict", ""], rows, `Half of the runs took at most ${share(0.5)}, 99 % at most ${share(0.99)}.`)];
  }
}

function counted(part) {
  return Object.entries(part.counts).filter(([, count]) => count).map(([verdict, count]) => `${count.toLocaleString("en")} ${verdict}`).join(", ");
}

function copied(text, command) {
  const button = element("button", "", text);
  button.type = "button";
  copies(button, command);
  return button;
}

function bar(share) {
  const made = element("span", "bar");
  made.style.width = `${Math.round(1000 * share) / 10}%`;
  return made;
}

function faults(part) {
  if (!part.faults.length) return [];
  const rows = part.faults.map(([kind, planned, bit]) => {
    const inert = element("span", bit ? "" : "none", bit ? (planned - bit).toLocaleString("en") : "all: it did nothing");
    return [kind, planned.toLocaleString("en"), bit.toLocaleString("en"), inert, bar(bit / planned)];
  });
  return [element("h2", "", "What each fault did"), table(["kind", "#planned", "#took effect", "#inert", ""], rows)];
}

// How many behaviours were seen after so many runs.
function growth({ growth: points, counts, hunt }) {
  if (!points.length) return [];
  const runs = Object.values(counts).reduce((sum, one) => sum + one), [at, most] = points[points.length - 1], width = 520, high = 150, left = 46, base = high - 24;
  const x = run => left + run / runs * (width - left - 12), y = seen => base - seen / most * (base - 12);
  const line = [[left, base]];
  for (const [run, seen] of points) line.push([x(run), line[line.length - 1][1]], [x(run), y(seen)]);
  line.push([x(runs), y(most)]);
  const svg = drawn("svg", { viewBox: `0 0 ${width} ${high}`, role: "img", "aria-label": `Behaviours seen: ${most} after ${runs} runs` });
  const text = (px, py, words, anchor) => svg.append(drawn("text", { x: px, y: py, "text-anchor": anchor, style: "fill:var(--soft)" }, words));
  for (const [x1, y1, x2, y2] of [[left, base, width - 12, base], [left, 12, left, base]]) svg.append(drawn("line", { x1, y1, x2, y2, stroke: "var(--line)" }));
  svg.append(drawn("polyline", { points: line.map(point => point.map(one => one.toFixed(1)).join(",")).join(" "), fill: "none", stroke: "var(--message)", "stroke-width": 2 }));
  text(left - 6, 16, most.toLocaleString("en"), "end"); text(left - 6, base + 4, "0", "end");
  text(left, high - 6, "0", "middle"); text(width - 12, high - 6, `${runs.toLocaleString("en")} runs`, "end");
  const last = `The last new one was in run ${at.toLocaleString("en")} of ${runs.toLocaleString("en")}.`;
  return [element("h2", "", "Coverage"), element("p", "note", `${most.toLocaleString("en")} different behaviours of nodes were seen. ${last}`), svg,
    ...(hunt?.words ?? []).map(words => element("p", "note soft", `${words[0].toUpperCase()}${words.slice(1)}.`))];
}

function hunted({ hunt }) {
  if (!hunt) return [];
  const rows = hunt.tried.map(([meaning, runs, invalid, failed]) => [meaning, runs.toLocaleString("en"), invalid.toLocaleString("en"), failed.slice(0, 6).map(([theme, , bad]) => `${theme} (${bad})`).join(", ") + (failed.length > 6 ? `, ${failed.length - 6} more` : "")]);
  return [element("h2", "", "Runs by theme"), table(["theme", "#runs", "#invalid", "themes that failed"], rows)];
}

function remarks({ remarks: all }) {
  if (!all.length) return [];
  return [element("h2", "", "Remarks"), ...all.map(([remark, runs]) => element("p", "note soft", `On ${runs === 1 ? "1 run" : `${runs.toLocaleString("en")} runs`}: ${remark}`))];
}

unpacked().then(data => { window.clew = new SweepPage(data); });
