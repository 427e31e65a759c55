// The track under the scrubber: at every step, how much of the image is noise (grain, above the curve) and how much is
// picture (colour, below it), as shares of the variance: sigma^2 and alpha^2 over their sum.

import { noiseShare } from "./run.js";

export class NoiseTrack {
  constructor(canvas) {
    this.canvas = canvas;
    this.pen = canvas.getContext("2d");
  }

  // frames in order of their step; total: the steps of the run; shown: the step on show.
  draw(frames, total, shown) {
    const ratio = window.devicePixelRatio || 1;
    const width = Math.round(this.canvas.clientWidth * ratio);
    const height = Math.round(this.canvas.clientHeight * ratio);
    if (!width || !height) return;
    this.canvas.width = width;
    this.canvas.height = height;
    const style = getComputedStyle(this.canvas);
    const colour = (name) => style.getPropertyValue(name).trim();
    const x = (frame) => (total ? (frame.step / total) * width : 0);
    const y = (frame) => noiseShare(frame) * height;
    this.pen.fillStyle = colour("--lab-sunken");
    this.pen.fillRect(0, 0, width, height);
    if (frames.length === 0) return;

    const last = x(frames[frames.length - 1]);
    const curve = new Path2D();
    curve.moveTo(x(frames[0]), y(frames[0]));
    for (const frame of frames) curve.lineTo(x(frame), y(frame));
    const noise = new Path2D(curve);
    noise.lineTo(last, 0);
    noise.lineTo(x(frames[0]), 0);
    const picture = new Path2D(curve);
    picture.lineTo(last, height);
    picture.lineTo(x(frames[0]), height);

    this.pen.fillStyle = this.grain(colour("--lab-grain"), ratio);
    this.pen.fill(noise);
    const fill = this.pen.createLinearGradient(0, 0, 0, height);
    fill.addColorStop(0, colour("--lab-accent"));
    fill.addColorStop(1, colour("--lab-accent-soft"));
    this.pen.fillStyle = fill;
    this.pen.fill(picture);
    // what lies ahead of the playhead is paler
    const head = total ? (shown / total) * width : 0;
    this.pen.fillStyle = colour("--lab-veil");
    this.pen.fillRect(head, 0, width - head, height);
    this.pen.strokeStyle = colour("--lab-accent-strong");
    this.pen.lineWidth = 1.5 * ratio;
    this.pen.stroke(curve);
    // the playhead; the range input above it is the same thing for hands, keys and screen readers
    const bar = 4 * ratio;
    this.pen.fillStyle = colour("--lab-ink");
    this.pen.beginPath();
    this.pen.roundRect(Math.min(Math.max(head - bar / 2, 0), width - bar), 0, bar, height, bar / 2);
    this.pen.fill();
  }

  // A repeating speckle, the same at every draw.
  grain(colour, ratio) {
    const key = `${colour} ${ratio}`;
    if (this.grainKey !== key) {
      const side = 64;
      const tile = document.createElement("canvas");
      tile.width = tile.height = side;
      const pen = tile.getContext("2d");
      pen.fillStyle = colour;
      let seed = 7;
      for (let i = 0; i < (side * side) / 3; i++) {
        seed = (seed * 1103515245 + 12345) % 2147483648;
        const dot = (seed >> 8) % (side * side);
        pen.globalAlpha = 0.25 + ((seed >> 4) % 8) / 12;
        pen.fillRect(dot % side, Math.floor(dot / side), ratio, ratio);
      }
      this.grainKey = key;
      this.pattern = this.pen.createPattern(tile, "repeat");
    }
    return this.pattern;
  }
}
