// A sheet of images on a canvas: each image a tile of its own, sharp on any screen, with a badge on request.

export class SheetCanvas {
  constructor(canvas) {
    this.canvas = canvas;
    this.pen = canvas.getContext("2d");
    this.cells = []; // { index, left, top, edge } in pixels of the canvas
  }

  // sheet: the decoded PNG, native pixels with gutters; shape: { count, size, columns }; enlarged: one image's index or
  // null; badges: for each image null or { text, detail, right (true, false or null where no label was given) }; gap:
  // pixels between images.
  draw(sheet, shape, { enlarged, smooth, badges, gap = shape.columns > 5 && enlarged === null ? 3 : 6 }) {
    const columns = enlarged === null ? shape.columns : 1;
    const rows = enlarged === null ? Math.ceil(shape.count / columns) : 1;
    const width = this.canvas.clientWidth;
    if (!width) return; // nobody sees it
    const side = (width - gap * (columns - 1)) / columns;
    const height = rows * side + gap * (rows - 1);
    const ratio = window.devicePixelRatio || 1;
    this.canvas.style.aspectRatio = `${width} / ${height}`;
    this.resize(Math.round(width * ratio), Math.round(height * ratio));
    this.cells = [];
    const pitch = (sheet.width - shape.size) / Math.max(1, shape.columns - 1);
    const first = enlarged === null ? 0 : enlarged;
    for (let i = first; i < first + (enlarged === null ? shape.count : 1); i++) {
      const place = i - first;
      const left = Math.round((place % columns) * (side + gap) * ratio);
      const top = Math.round(Math.floor(place / columns) * (side + gap) * ratio);
      this.cells.push({ index: i, left, top, edge: Math.round(side * ratio) });
    }
    this.pen.imageSmoothingEnabled = smooth;
    this.pen.imageSmoothingQuality = "high";
    for (const { index, left, top, edge } of this.cells) {
      const x = (index % shape.columns) * pitch;
      const y = Math.floor(index / shape.columns) * pitch;
      this.pen.drawImage(sheet, x, y, shape.size, shape.size, left, top, edge, edge);
    }
    this.round(Math.min(10, side / 8) * ratio);
    if (!badges) return;
    for (const { index, left, top, edge } of this.cells) {
      if (badges[index]) this.badge(badges[index], left, top, edge, ratio);
    }
  }

  resize(width, height) {
    if (this.canvas.width !== width || this.canvas.height !== height) {
      this.canvas.width = width;
      this.canvas.height = height;
    } else {
      this.pen.clearRect(0, 0, width, height);
    }
  }

  // Cuts the corners of all tiles in one go.
  round(radius) {
    this.pen.beginPath();
    for (const { left, top, edge } of this.cells) this.pen.roundRect(left, top, edge, edge, radius);
    this.pen.globalCompositeOperation = "destination-in";
    this.pen.fill();
    this.pen.globalCompositeOperation = "source-over";
  }

  badge({ text, detail, right }, left, top, edge, ratio) {
    const colour = right === false ? "#c2560a" : right ? "#0f766e" : "#475569";
    if (edge / ratio < 44) return this.dot(colour, left, top, edge, ratio); // no room for words
    const size = Math.max(9, Math.min(13, edge / ratio / 8)) * ratio;
    const inset = size * 0.45;
    this.pen.font = `600 ${size}px ui-sans-serif, system-ui, sans-serif`;
    const mark = right === null ? "" : right ? "✓ " : "≠ ";
    const room = edge - 4 * inset;
    let words = edge / ratio > 120 ? `${mark}${text} ${detail}` : mark + text;
    if (this.pen.measureText(words).width > room) words = mark + text;
    while (words.length > 1 && this.pen.measureText(words).width > room) words = `${words.slice(0, -2)}…`;
    const width = this.pen.measureText(words).width + 2 * inset;
    const height = size * 1.5;
    const x = left + edge - width - inset;
    const y = top + edge - height - inset;
    this.pen.fillStyle = colour;
    this.pen.beginPath();
    this.pen.roundRect(x, y, width, height, height / 2);
    this.pen.fill();
    this.pen.fillStyle = "#fff";
    this.pen.textBaseline = "middle";
    this.pen.fillText(words, x + inset, y + height / 2 + size * 0.04);
  }

  dot(colour, left, top, edge, ratio) {
    this.pen.fillStyle = colour;
    this.pen.beginPath();
    this.pen.arc(left + edge - 6 * ratio, top + edge - 6 * ratio, 3.5 * ratio, 0, 2 * Math.PI);
    this.pen.fill();
  }

  // The index of the image under a pointer, or null.
  imageAt(event) {
    const box = this.canvas.getBoundingClientRect();
    const scale = this.canvas.width / box.width;
    const x = (event.clientX - box.left) * scale;
    const y = (event.clientY - box.top) * scale;
    const inside = ({ left, top, edge }) => x >= left && x <= left + edge && y >= top && y <= top + edge;
    const cell = this.cells.find(inside);
    return cell ? cell.index : null;
  }
}
