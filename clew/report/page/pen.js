// How things are drawn on a canvas.

function prepared(canvas, width, height) {
  const ratio = window.devicePixelRatio || 1;
  if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
    canvas.width = Math.round(width * ratio); canvas.height = Math.round(height * ratio);
    canvas.style.width = `${width}px`; canvas.style.height = `${height}px`;
  }
  const pen = canvas.getContext("2d");
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.clearRect(0, 0, width, height);
  pen.font = '12px system-ui, "Segoe UI", "DejaVu Sans", sans-serif';
  pen.textBaseline = "middle";
  return pen;
}

function stroke(pen, points, colour, width = 1, dash = []) {
  pen.strokeStyle = colour; pen.lineWidth = width; pen.setLineDash(dash);
  pen.beginPath();
  points.forEach(([x, y], rank) => (rank ? pen.lineTo(x, y) : pen.moveTo(x, y)));
  pen.stroke();
  pen.setLineDash([]);
}

function label(pen, text, x, y, colour, align = "left", bold = false) {
  pen.save();
  if (bold) pen.font = pen.font.replace(/^/, "bold ");
  pen.textAlign = align; pen.lineJoin = "round"; pen.lineWidth = 4;
  pen.strokeStyle = css("--paper"); pen.strokeText(text, x, y);
  pen.fillStyle = colour; pen.fillText(text, x, y);
  pen.restore();
}

function cross(pen, x, y, colour, size = 4) {
  stroke(pen, [[x - size, y - size], [x + size, y + size]], colour, 2);
  stroke(pen, [[x - size, y + size], [x + size, y - size]], colour, 2);
}
