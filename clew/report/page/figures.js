// Figures over time, drawn by a library that the page holds and runs once they are asked for.

class Figures {
  constructor(model, page) {
    this.model = model; this.page = page; this.pane = document.getElementById("plots");
  }
  async show() {
    if (this.asked) return;
    this.asked = true;
    const { missing, notes = [], item } = this.model.data.figures;
    if (missing) { this.pane.append(element("p", "note", missing)); return; }
    this.pane.append(element("p", "note soft", "The wheel zooms, dragging moves, a double click shows the whole run; a click goes to the moment."));
    for (const note of notes) this.pane.append(element("p", "note soft", note));
    const script = element("script"), box = element("div");
    script.textContent = await inflated(document.getElementById("library"));
    document.head.append(script);
    box.id = "bokeh";
    this.pane.append(box);
    Bokeh.logger.set_level("warn");
    const views = await Bokeh.embed.embed_item(item, "bokeh");
    this.models = [...[...views][0].model.document._all_models.values()];
    for (const plot of this.of("Figure")) plot.on_event("tap", event => this.page.select(this.model.at(event.x * 1e9)));
    for (const plot of this.of("Figure")) plot.on_event("doubletap", () => plot.x_range.setv({ start: 0, end: this.model.data.end / 1e9 }));
    this.paint();
    this.follow(this.page.cursor);
  }
  of(type) { return (this.models ?? []).filter(one => one.type === type); }
  // The colours of the theme.
  paint() {
    const dark = document.documentElement.dataset.theme === "dark", blue = dark ? "#8fa8ff" : "#0072b2";
    const ink = css("--ink"), soft = css("--soft"), faint = css("--faint");
    for (const one of this.models ?? []) {
      if (one.type.endsWith("Axis")) one.setv({ axis_line_color: soft, major_tick_line_color: soft, minor_tick_line_color: null, major_label_text_color: soft, axis_label_text_color: soft });
      else if (one.type === "Grid") one.setv({ grid_line_color: faint });
      else if (one.type === "Legend") one.setv({ label_text_color: ink, background_fill_alpha: 0, border_line_color: null, inactive_fill_color: css("--card") });
      else if (one.type === "Title") one.setv({ text_color: ink });
      else if (one.type === "Figure") one.setv({ outline_line_color: faint });
      else if (one.type === "Line" || one.type === "Scatter") recoloured(one, blue);
      else if (one.type === "Span") one.setv({ line_color: css("--cursorline") });
    }
  }
  follow(moment) {
    const time = (this.model.time[moment] ?? 0) / 1e9;
    for (const one of this.of("Span")) one.setv({ location: time });
  }
}

// On a dark page the darkest of the colours is lighter.
function recoloured(glyph, blue) {
  const of = name => glyph[name]?.value, known = ["#0072b2", "#8fa8ff"];
  for (const name of ["line_color", "fill_color"]) if (known.includes(of(name))) glyph.setv({ [name]: { value: blue } });
}
