// What is plotted of one digit: its errors over t, the histogram of its noisy pixels, and the ideal denoiser's images.

import { bytesOf } from "../dom.js";
import { histogram, paint } from "./pixels.js";
import { Plot } from "../plots/plot.js";

const SIZE = { width: 360, height: 200 };
const TIME = { range: [0, 1], ticks: [0, 0.25, 0.5, 0.75, 1], title: "t →" };
const BINS = { low: -4, high: 4, count: 32 };
const LINES = { network_x0: "nz-network", network_eps: "nz-eps", ideal_x0: "nz-ideal nz-dashed" };

export class NoisePlots {
  // parts: the elements by name; onTime(t): a time was clicked.
  constructor(parts, onTime) {
    this.neighbours = parts.neighbours;
    this.errors = new Plot(parts.errors, { x: TIME, y: { range: [0, 1], ticks: [0, 0.5, 1] }, size: SIZE });
    this.pixels = new Plot(parts.histogram, {
      x: { range: [BINS.low, BINS.high], ticks: [-4, -2, 0, 2, 4], label: (value) => String(value).replace("-", "−") },
      y: { range: [0, 0.8], ticks: [0, 0.4, 0.8] },
      size: SIZE,
    });
    parts.errors.addEventListener("click", (event) => onTime(this.errors.valueAt(event)));
    const xs = Array.from({ length: 81 }, (_, i) => BINS.low + i / 10);
    this.normal = { xs, ys: xs.map((x) => Math.exp(-x * x / 2) / Math.sqrt(2 * Math.PI)), name: "nz-normal" };
    this.curve = null;
  }

  // curve: { times, network_x0, network_eps, ideal_x0 }.
  showErrors(curve) {
    this.curve = curve;
    this.errors.draw(Object.entries(LINES).map(([key, name]) => ({ xs: curve.times, ys: curve[key], name })));
  }

  point(t) {
    const dots = this.curve ? Object.entries(LINES).map(([key, name]) => ({ y: this.errorAt(key, t), name })) : [];
    this.errors.point(t, dots);
  }

  // Between two times of the curve, on the line between them.
  errorAt(key, t) {
    const { times } = this.curve;
    const after = times.findIndex((time) => time >= t);
    if (after <= 0) return this.curve[key].at(after);
    const share = (t - times[after - 1]) / (times[after] - times[after - 1]);
    return (1 - share) * this.curve[key][after - 1] + share * this.curve[key][after];
  }

  showPixels(x) {
    const width = (BINS.high - BINS.low) / BINS.count;
    this.pixels.draw([this.normal], { low: BINS.low, width, heights: histogram(x, BINS) });
  }

  // neighbours: [[bytes in base64, digit, weight]], the largest weight first.
  showNeighbours(neighbours) {
    const figures = neighbours.map(([bytes, digit, weight]) => {
      const figure = document.createElement("figure");
      const canvas = Object.assign(document.createElement("canvas"), { width: 28, height: 28 });
      paint(canvas, bytesOf(bytes));
      const caption = document.createElement("figcaption");
      caption.textContent = weight < 0.001 ? "< 0.1%" : `${(100 * weight).toFixed(1)}%`;
      figure.append(canvas, caption);
      figure.title = `${digit}: ${caption.textContent}`;
      figure.style.setProperty("--weight", weight);
      return figure;
    });
    this.neighbours.replaceChildren(...figures);
  }
}
