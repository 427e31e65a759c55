// The noise levels of the four processes, as curves over t and as a table, with the present point on each.

import { Plot } from "../plots/plot.js";

const SMALL = { width: 360, height: 170 };
const minus = (value) => String(value).replace("-", "−");
const TIME = { range: [0, 1], ticks: [0, 0.25, 0.5, 0.75, 1], title: "t →" };

export function logSnr({ alpha, sigma }) {
  return 2 * Math.log(alpha / sigma);
}

export class Schedules {
  // parts: the elements by name; onTime(t): a time was clicked.
  constructor(parts, words, onTime) {
    this.words = words;
    this.table = parts.table;
    this.plots = {
      alpha: new Plot(parts["alpha-plot"], { x: TIME, y: { range: [0, 1.05], ticks: [0, 0.5, 1] }, size: SMALL }),
      sigma: new Plot(parts["sigma-plot"], { x: TIME, y: { range: [0, 2], ticks: [0, 1, 2] }, size: SMALL }),
      logSnr: new Plot(parts["log-snr-plot"], { x: TIME, y: { range: [-20, 12], ticks: [-20, -10, 0, 10], label: minus }, size: SMALL }),
    };
    for (const plot of Object.values(this.plots)) {
      plot.svg.addEventListener("click", (event) => onTime(plot.valueAt(event)));
    }
  }

  // schedules: { kind: { alpha, sigma } }, lists over t from 0 to 1; own: the kind of the model's process.
  draw(schedules, own) {
    Object.assign(this, { schedules, own });
    const lines = { alpha: [], sigma: [], logSnr: [] };
    for (const [kind, { alpha, sigma }] of Object.entries(schedules)) {
      const xs = alpha.map((_, i) => i / (alpha.length - 1));
      const name = `nz-${kind}${kind === own ? " nz-own" : ""}`;
      lines.alpha.push({ xs, ys: alpha, name });
      lines.sigma.push({ xs, ys: sigma, name });
      lines.logSnr.push({ xs, ys: alpha.map((_, i) => logSnr({ alpha: alpha[i], sigma: sigma[i] })), name });
    }
    for (const [name, plot] of Object.entries(this.plots)) plot.draw(lines[name]);
  }

  // index: of the present time among the levels.
  point(index) {
    const dots = { alpha: [], sigma: [], logSnr: [] };
    const rows = [];
    for (const [kind, { alpha, sigma }] of Object.entries(this.schedules)) {
      const level = { alpha: alpha[index], sigma: sigma[index] };
      const name = `nz-${kind}`;
      dots.alpha.push({ y: level.alpha, name });
      dots.sigma.push({ y: level.sigma, name });
      dots.logSnr.push({ y: logSnr(level), name });
      const last = { alpha: alpha[alpha.length - 1], sigma: sigma[sigma.length - 1] };
      const left = last.alpha / Math.hypot(last.alpha, last.sigma);
      rows.push(this.row(kind, [number(level.alpha), number(level.sigma), signed(logSnr(level)), percent(left)]));
    }
    const t = index / (this.schedules[this.own].alpha.length - 1);
    for (const [name, plot] of Object.entries(this.plots)) plot.point(t, dots[name]);
    this.table.replaceChildren(...rows);
  }

  row(kind, values) {
    const row = document.createElement("tr");
    const head = document.createElement("th");
    head.className = `nz-${kind}`;
    head.textContent = this.words.text(`noise.${kind}`);
    if (kind === this.own) head.textContent += ` · ${this.words.text("noise.own")}`;
    const cells = values.map((value) => Object.assign(document.createElement("td"), { textContent: value }));
    row.append(head, ...cells);
    return row;
  }
}

export function number(value) {
  return value.toFixed(value < 10 ? 3 : 2);
}

export function signed(value) {
  if (!Number.isFinite(value)) return "∞";
  const digits = Math.abs(value).toFixed(1);
  return (value < 0 && digits !== "0.0" ? "−" : "") + digits;
}

function percent(share) {
  return `${Number((100 * share).toPrecision(2))}%`;
}
