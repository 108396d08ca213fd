// The page of recorded histories: what is wrong in each as a picture, and its operations by key.

class CheckPage extends PartedPage {
  constructor(data) {
    super(data, part => part.facts[0][1]);
    this.begin();
  }
  fromAddress() {
    const found = /^#p(\d+)$/.exec(location.hash);
    if (!found || !this.data.parts[Number(found[1])]) return false;
    this.part(Number(found[1]));
    return true;
  }
  part(rank) {
    const part = super.part(rank);
    if (this.data.parts.length > 1) history.replaceState(null, "", `#p${rank}`);
    document.getElementById("failures").replaceChildren(...this.anomalies(part));
    document.getElementById("figures").replaceChildren(...this.facts(part), ...this.operations(part));
  }
  anomalies(part) {
    const parts = [element("h2", "", part.anomalies.length ? "What is wrong" : "Verdict")];
    if (!part.anomalies.length) parts.push(element("p", "note", part.reason));
    part.anomalies.forEach((one, rank) => {
      const box = element("details", `way ${part.verdict}`), summary = element("summary");
      summary.append(element("b", "", `${part.verdict === "invalid" ? "\u2717" : "?"} ${one.word}`), one.reason);
      box.append(summary);
      opened(box, () => evidence({ ...one, reason: "" }, { width: room() }));
      box.open = rank === 0;
      parts.push(box);
    });
    if (part.left) parts.push(element("p", "note soft", `${part.left.toLocaleString("en")} more anomalies are not drawn.`));
    return parts;
  }
  facts(part) {
    const rows = part.facts.map(([name, value]) => [name, element("span", "mono", value)]);
    return [element("h2", "", "How it was judged"), table(["", ""], rows)];
  }
  operations({ keys, keysLeft }) {
    const parts = [element("h2", "", "Operations")];
    for (const [key, shown, left] of keys) {
      const box = element("details", "way valid"), count = (shown.length + left).toLocaleString("en");
      box.append(element("summary", "", key ? `Key ${key}: ${count} operations` : `${count} operations`));
      opened(box, () => evidence({ kind: "operations", reason: "", shown, left, leftOut: "later operations" }, { width: room() }));
      parts.push(box);
    }
    if (keysLeft) parts.push(element("p", "note soft", `${keysLeft.toLocaleString("en")} more keys are not drawn.`));
    return parts;
  }
}

// How wide a drawing is, so that its letters are as large as others.
function room() { return Math.min(Math.max(document.getElementById("failures").clientWidth - 30, 320), 640); }

// What stands in a box once it is opened.
function opened(box, make) {
  let made = false;
  box.addEventListener("toggle", () => {
    if (!box.open || made) return;
    made = true;
    box.append(...make());
  });
}

unpacked().then(data => { window.clew = new CheckPage(data); });
