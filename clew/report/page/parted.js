// A page of several parts, such as scenarios or histories, of which one is shown.

class PartedPage extends Frame {
  // note: gives what stands beside a part's name.
  constructor(data, note) {
    super(data.head);
    this.data = data;
    const parts = document.getElementById("parts");
    parts.hidden = data.parts.length < 2;
    data.parts.forEach((part, rank) => {
      const button = element("button", part.verdict);
      button.type = "button";
      button.append(element("b", "", `${{ valid: "\u2713", invalid: "\u2717" }[part.verdict] ?? "?"} `), `${part.name} `, element("span", "soft", note(part)));
      button.addEventListener("click", () => this.part(rank));
      parts.append(button);
    });
    this.buttons = [...parts.children];
    window.addEventListener("hashchange", () => this.fromAddress());
    window.addEventListener("beforeprint", () => { for (const way of document.querySelectorAll(".way")) way.open = true; });
  }
  // Shows the part that the address names, or else the first that is not valid.
  begin() {
    this.paint();
    const worst = this.data.parts.findIndex(part => part.verdict !== "valid");
    if (this.data.parts.length && !this.fromAddress()) this.part(Math.max(worst, 0));
  }
  part(rank) {
    this.shown = rank;
    this.buttons.forEach((button, at) => button.setAttribute("aria-pressed", String(at === rank)));
    return this.data.parts[rank];
  }
}
