// The pictures of a film: a run's frames, one after another, with the panes of some kinds side by side.

const GAP = 8; // pixels between panes
const DURATION = 2; // seconds that a film takes, but for its last frame
const LAST = 1.5; // seconds that the last frame stands
const SHORTEST = 0.04; // seconds that any frame stands

export class Film {
  // kinds: "input", "x" and "x0"; side: of a pane in pixels, about, since images are enlarged by whole numbers; even:
  // whether both sides of the picture have to be even numbers.
  static async of({ frames, input }, kinds, side, even = false) {
    const rows = frames.map((frame) => kinds.map((kind) => (kind === "input" ? input : frame[kind])));
    await Promise.all(rows.flat().map((picture) => picture.ready));
    return new Film(rows.map((row) => row.map((picture) => picture.bitmap)), side, even);
  }

  constructor(rows, side, even) {
    this.rows = rows;
    const [{ width, height }] = rows[0];
    const scale = Math.max(1, Math.round(side / Math.max(width, height)));
    Object.assign(this, { paneWidth: width * scale, paneHeight: height * scale });
    const panes = rows[0].length;
    const fit = (length) => length + (even ? length % 2 : 0);
    this.canvas = document.createElement("canvas");
    this.canvas.width = fit(panes * this.paneWidth + (panes - 1) * GAP);
    this.canvas.height = fit(this.paneHeight);
    this.pen = this.canvas.getContext("2d", { willReadFrequently: true });
    this.pen.imageSmoothingEnabled = false;
  }

  get length() {
    return this.rows.length;
  }

  // Puts a frame on the canvas. Returns how long it stands, in seconds.
  draw(index) {
    this.pen.fillRect(0, 0, this.canvas.width, this.canvas.height);
    this.rows[index].forEach((picture, i) =>
      this.pen.drawImage(picture, i * (this.paneWidth + GAP), 0, this.paneWidth, this.paneHeight));
    return index === this.length - 1 ? LAST : Math.max(SHORTEST, DURATION / this.length);
  }

  // RGBA bytes of the canvas.
  get pixels() {
    return this.pen.getImageData(0, 0, this.canvas.width, this.canvas.height).data;
  }

  get coloured() {
    const { width, height } = this.rows.at(-1)[0];
    const canvas = new OffscreenCanvas(width, height);
    const pen = canvas.getContext("2d");
    pen.drawImage(this.rows.at(-1)[0], 0, 0);
    const pixels = pen.getImageData(0, 0, width, height).data;
    for (let p = 0; p < pixels.length; p += 4) {
      if (pixels[p] !== pixels[p + 1] || pixels[p] !== pixels[p + 2]) return true;
    }
    return false;
  }
}
