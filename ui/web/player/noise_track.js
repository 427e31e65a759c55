// The track under the scrubber: at every step, how much of the image is noise (grain, above the curve) and how much is
// picture (colour, below it), as shares of the variance: sigma^2 and alpha^2 over their sum.

import { noiseShare } from "./run.js";

const COLOURS = ["sunken", "grain", "accent", "accent-soft", "accent-strong", "veil", "ink"]; // variables of style.css

export class NoiseTrack {
  constructor(canvas) {
    this.canvas = canvas;
    this.pen = canvas.getContext("2d");
    this.measure();
  }

  // The present size and colours: looked up when they may have changed, since each look has the page laid out.
  measure() {
    this.ratio = window.devicePixelRatio || 1;
    this.canvas.width = Math.round(this.canvas.clientWidth * this.ratio);
    this.canvas.height = Math.round(this.canvas.clientHeight * this.ratio);
    const style = getComputedStyle(this.canvas);
    this.colours = Object.fromEntries(COLOURS.map((name) => [name, style.getPropertyValue(`--lab-${name}`).trim()]));
    this.grain = this.pen.createPattern(speckle(this.colours.grain, this.ratio), "repeat");
  }

  // frames in order of their step; total: the steps of the run; shown: the step on show.
  draw(frames, total, shown) {
    const { width, height } = this.canvas;
    if (!width || !height) return;
    const { ratio, colours } = this;
    const x = (frame) => (total ? (frame.step / total) * width : 0);
    const y = (frame) => noiseShare(frame) * height;
    this.pen.clearRect(0, 0, width, height);
    this.pen.fillStyle = colours.sunken;
    this.pen.fillRect(0, 0, width, height);

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

    this.pen.fillStyle = this.grain;
    this.pen.fill(noise);
    const fill = this.pen.createLinearGradient(0, 0, 0, height);
    fill.addColorStop(0, colours.accent);
    fill.addColorStop(1, colours["accent-soft"]);
    this.pen.fillStyle = fill;
    this.pen.fill(picture);
    // what lies ahead of the playhead is paler
    const head = total ? (shown / total) * width : 0;
    this.pen.fillStyle = colours.veil;
    this.pen.fillRect(head, 0, width - head, height);
    this.pen.strokeStyle = colours["accent-strong"];
    this.pen.lineWidth = 1.5 * ratio;
    this.pen.stroke(curve);
    // the playhead; the range input above it is the same thing for hands, keys and screen readers
    const bar = 4 * ratio;
    this.pen.fillStyle = colours.ink;
    this.pen.beginPath();
    this.pen.roundRect(Math.min(Math.max(head - bar / 2, 0), width - bar), 0, bar, height, bar / 2);
    this.pen.fill();
  }
}

// Noise, the same at every draw, to be repeated.
function speckle(colour, ratio) {
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
  return tile;
}
