// The verdict of each seed as a field of cells, in the order in which the seeds came.

const WORDS = ["valid", "unknown", "invalid"], CELLS_MAX = 12000;

class Seeds {
  constructor(canvas, box, choose) {
    Object.assign(this, { canvas, box, choose, at: -1 });
    canvas.addEventListener("click", event => this.select(this.under(event)));
    canvas.addEventListener("mousemove", event => { const cell = this.under(event); this.page.tip(cell < 0 ? "" : this.told(cell), event); });
    canvas.addEventListener("mouseleave", () => this.page.tip("", null));
    canvas.addEventListener("keydown", event => {
      const by = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: this.across * this.per, ArrowUp: -this.across * this.per }[event.key];
      if (by === undefined) return;
      event.preventDefault(); event.stopPropagation();
      this.select(Math.min(Math.max(this.at + by, 0), this.count - 1));
    });
  }
  show({ first, steps, verdict, milliseconds, left }) {
    let seed = BigInt(first);
    this.seeds = verdict.length ? [first, ...steps.map(step => String(seed += BigInt(step)))] : [];
    Object.assign(this, { verdict, milliseconds, left, count: verdict.length, at: -1 });
    this.ranks = new Map(this.seeds.map((one, rank) => [one, rank]));
  }
  under(event) {
    const column = Math.floor(event.offsetX / this.size), row = Math.floor(event.offsetY / this.size);
    const rank = (row * this.across + column) * this.per;
    return column >= 0 && column < this.across && rank >= 0 && rank < this.count ? rank : -1;
  }
  // The seeds of a cell: the rank after the last, and the worst verdict.
  cell(rank) {
    const end = Math.min(rank + this.per, this.count);
    let worst = 0;
    for (let one = rank; one < end; one++) worst = Math.max(worst, this.verdict[one]);
    return [end, worst];
  }
  told(rank) {
    const [end, worst] = this.cell(rank);
    if (end - rank === 1) return `seed ${this.seeds[rank]}: ${WORDS[worst]}`;
    const counts = WORDS.map((word, kind) => [word, this.verdict.slice(rank, end).filter(one => one === kind).length]).filter(([, count]) => count);
    return `seeds ${this.seeds[rank]} to ${this.seeds[end - 1]}: ${counts.map(([word, count]) => `${count} ${word}`).join(", ")}`;
  }
  // Of several seeds in a cell the worst is chosen.
  select(rank) {
    if (rank < 0) return;
    const [end, worst] = this.per > 1 && rank % this.per === 0 ? this.cell(rank) : [rank + 1, this.verdict[rank]];
    while (this.verdict[rank] !== worst && rank < end - 1) rank++;
    this.at = rank;
    this.choose(rank);
    this.draw();
  }
  // The nearest seed before or after that is not valid.
  step(by) {
    for (let rank = this.at + by; rank >= 0 && rank < this.count; rank += by)
      if (this.verdict[rank]) { this.at = rank; this.choose(rank); this.draw(); return; }
  }
  draw() {
    const width = this.box.clientWidth;
    if (!width || !this.count) { this.canvas.hidden = !this.count; return; }
    this.canvas.hidden = false;
    const room = Math.min(CELLS_MAX, Math.floor(width / 5) * 60);
    this.per = Math.ceil(this.count / room);
    const cells = Math.ceil(this.count / this.per);
    this.size = Math.min(Math.max(Math.floor(Math.sqrt(width * 220 / cells)), 5), 18);
    this.across = Math.max(Math.floor(width / this.size), 1);
    const pen = prepared(this.canvas, width, Math.ceil(cells / this.across) * this.size), inner = this.size - (this.size > 6 ? 2 : 1);
    for (let cell = 0; cell < cells; cell++) {
      const [, worst] = this.cell(cell * this.per), x = cell % this.across * this.size, y = Math.floor(cell / this.across) * this.size;
      this.square(pen, x, y, inner, worst);
      if (this.at >= 0 && Math.floor(this.at / this.per) === cell) { pen.strokeStyle = css("--cursorline"); pen.lineWidth = 3; pen.strokeRect(x - 0.5, y - 0.5, inner + 1, inner + 1); }
    }
  }
  // A pale square, a striped one, and a full one with a cross: they differ without colours too.
  square(pen, x, y, size, verdict) {
    pen.fillStyle = css(["--validcell", "--unknowncell", "--bad"][verdict]);
    pen.fillRect(x, y, size, size);
    if (verdict === 1) { pen.fillStyle = css("--candidate"); pen.fillRect(x, y + size / 2 - size / 6, size, size / 3); }
    if (verdict === 2 && size > 7) cross(pen, x + size / 2, y + size / 2, css("--card"), size / 4);
  }
}
