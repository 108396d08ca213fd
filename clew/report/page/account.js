// What a run did and why it is wrong: the steps of its story, the verdict's evidence, and all checks.

class Account {
  // told: story, evidence, checks and remarks. go and preview take an event's number and its time, where there is a run to show them in.
  constructor(pane, told, { go = null, preview = null, width = 320 } = {}) {
    this.pane = pane; this.steps = [];
    if (told.story.length) pane.append(element("h2", "", "What happened"));
    told.story.forEach(([number, time, kind, text, more], rank) => {
      const step = element(go ? "button" : "div", `step of-${kind}`);
      if (go) step.type = "button";
      step.append(element("span", "rank", kind === "wrong" ? "\u2717" : String(rank + 1)), element("span", "text", text));
      for (const one of more) step.append(element("span", "more", one));
      step.append(element("span", "when", seconds(time)));
      if (go) step.addEventListener("click", () => go(number, time));
      if (preview) {
        step.addEventListener("mouseenter", () => preview(number));
        step.addEventListener("mouseleave", () => preview(-1));
      }
      pane.append(step);
      this.steps.push([number, step]);
    });
    const shown = evidence(told.evidence, { width, go: go && ((_, time) => go(-1, time)) });
    if (shown.length) pane.append(element("h2", "", "Why it is wrong"), ...shown);
    if (told.checks.length) pane.append(element("h2", "", "Checks"), checks(told.checks));
    for (const remark of told.remarks) pane.append(element("p", "note soft", remark));
  }
}

function checks(all) {
  const list = element("ul", "checks");
  for (const [name, verdict, reason] of all) {
    const item = element("li", verdict);
    item.append(element("b", "", `${verdict === "valid" ? "\u2713" : verdict === "invalid" ? "\u2717" : "?"} ${name}`), reason);
    list.append(item);
  }
  return list;
}
