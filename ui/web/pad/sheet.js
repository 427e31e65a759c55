// What is drawn: strokes, and pictures below them, on a sheet of many small pixels. Every change can be taken back.

export const SIDE = 280; // pixels of the sheet, ten for each of an image's
const BRUSH = 24; // pixels wide: MNIST's strokes are two to three of an image's
const SOFT = 10; // pixels of its edge
const ERASER = 40;

export class Sheet {
  constructor(canvas) {
    Object.assign(canvas, { width: SIDE, height: SIDE });
    this.pen = canvas.getContext("2d", { willReadFrequently: true });
    this.layers = []; // strokes { erases, points } and pictures { picture }, from the first to the last
    this.paint();
  }

  get empty() {
    return !this.bytes.some(Boolean);
  }

  // White on black, SIDE x SIDE.
  get bytes() {
    const { data } = this.pen.getImageData(0, 0, SIDE, SIDE);
    return Uint8Array.from({ length: SIDE * SIDE }, (_, i) => data[4 * i]);
  }

  begin(point, erases) {
    this.layers.push({ erases, points: [point] });
    this.paint();
  }

  extend(...points) {
    this.layers.at(-1).points.push(...points);
    this.paint();
  }

  // picture: anything that a canvas can draw, SIDE x SIDE.
  put(picture) {
    this.layers.push({ picture });
    this.paint();
  }

  clear() {
    if (this.layers.length && !this.layers.at(-1).clears) this.layers.push({ clears: true });
    this.paint();
  }

  undo() {
    this.layers.pop();
    this.paint();
  }

  paint() {
    const { pen } = this;
    pen.shadowBlur = 0;
    pen.fillStyle = "#000";
    pen.fillRect(0, 0, SIDE, SIDE);
    const from = Math.max(0, this.layers.findLastIndex((layer) => layer.clears || layer.picture));
    for (const layer of this.layers.slice(from)) {
      if (layer.picture) pen.drawImage(layer.picture, 0, 0, SIDE, SIDE);
      else if (layer.points) this.stroke(layer);
    }
  }

  stroke({ erases, points }) {
    const { pen } = this;
    const colour = erases ? "#000" : "#fff";
    Object.assign(pen, { lineCap: "round", lineJoin: "round", strokeStyle: colour, shadowColor: colour });
    Object.assign(pen, { lineWidth: erases ? ERASER : BRUSH - SOFT / 2, shadowBlur: erases ? 0 : SOFT });
    pen.beginPath();
    pen.moveTo(points[0].x, points[0].y);
    for (const { x, y } of points) pen.lineTo(x, y);
    if (points.length === 1) pen.lineTo(points[0].x + 0.01, points[0].y);
    pen.stroke();
    pen.shadowBlur = 0;
  }
}
