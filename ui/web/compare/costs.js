// What each cell of a grid costs and what it is worth, as a plot and as CSV.

import { Plot } from "../plots/plot.js";

const SIZE = { width: 420, height: 300 };
const FULL = { range: [0, 1.02], ticks: [0, 0.25, 0.5, 0.75, 1], label: (value) => `${100 * value} %` };
const FEWEST = 16; // images from which on a share has an interval

export class Costs {
  // parts: the elements by name; onPoint(index or null): a point of the plot is pointed at.
  constructor(parts, words, onPoint) {
    Object.assign(this, { parts, words });
    this.worth = "distance"; // or "share"
    this.cost = "calls"; // or "ms"
    this.rows = []; // of measurements, see `measured`
    const indexAt = (event) => (event.target.dataset?.index === undefined ? null : Number(event.target.dataset.index));
    parts.plot.addEventListener("pointerover", (event) => onPoint(indexAt(event)));
    parts.plot.addEventListener("pointerleave", () => onPoint(null));
  }

  // titles: of the rows; rows: for each of them its cells, [{ index, title, calls, ms, share, distance }], in order.
  draw(titles, rows) {
    Object.assign(this, { titles, rows });
    const lines = rows.map((cells) => cells.filter((cell) => this.valueOf(cell) !== null && cell[this.cost] > 0));
    const all = lines.flat();
    this.parts.keys.replaceChildren(...titles.map((title, i) => key(title, i)));
    const keyOfNote = all.length === 0 ? this.emptyNote : this.worth === "share" ? "compare.share_note" : "compare.distance_note";
    this.parts.note.textContent = this.words.text(keyOfNote);
    const costs = all.map((cell) => cell[this.cost]);
    const x = logarithmic(costs.length ? Math.min(...costs) : 1, costs.length ? Math.max(...costs) : 32, 2);
    const worths = all.map((cell) => Math.max(cell.distance ?? 0, 1e-3));
    const [least, most] = all.length ? [Math.min(...worths), Math.max(...worths)] : [0.01, 1];
    const y = this.worth === "share" ? FULL : logarithmic(least, most, 10);
    const plot = new Plot(this.parts.plot, { x, y, size: SIZE });
    plot.draw(lines.map((cells, i) => this.line(cells, i)));
  }

  line(cells, i) {
    const scale = this.worth === "share" ? (value) => value : (value) => Math.log10(Math.max(value, 1e-3));
    return {
      name: `cp-s${i}`,
      xs: cells.map((cell) => Math.log2(cell[this.cost])),
      ys: cells.map((cell) => scale(this.valueOf(cell))),
      dots: cells.map((cell) => this.dot(cell)),
    };
  }

  dot({ index, title, share, ...cell }) {
    const { words } = this;
    const said = [title, words.text("compare.cost_of", { calls: number(cell.calls), ms: number(cell.ms) })];
    if (cell.distance !== null) said.push(`${words.text("compare.distance")}: ${cell.distance.toFixed(3)}`);
    if (share) said.push(words.text("compare.share_of", share));
    const interval = this.worth === "share" && share.of >= FEWEST ? { low: share.low, high: share.high } : {};
    return { title: said.join("\n"), index, ...interval };
  }

  valueOf({ share, distance }) {
    if (this.worth === "distance") return distance;
    return share ? share.right / share.of : null;
  }

  get emptyNote() {
    return this.worth === "share" ? "compare.no_share" : "compare.no_distance";
  }

  csv() {
    const head = ["row", "column", "calls_per_image", "milliseconds", "images", "right", "share", "low", "high", "distance"];
    const lines = this.rows.flatMap((cells, i) => cells.map((cell) => {
      const { right, of, low, high } = cell.share ?? {};
      const share = of ? right / of : undefined;
      return [this.titles[i], cell.column, cell.calls, cell.ms, cell.images, right, share, low, high, cell.distance ?? undefined];
    }));
    return [head, ...lines].map((line) => line.map(quoted).join(",")).join("\r\n");
  }
}

// An axis over powers of a base, for values that are logarithms by it.
function logarithmic(least, most, base) {
  const log = (value) => Math.log(value) / Math.log(base);
  const low = Math.floor(log(least) + 1e-9);
  const high = Math.max(low + 1, Math.ceil(log(most) - 1e-9));
  const stride = Math.ceil((high - low) / 8);
  const ticks = [];
  for (let power = low; power <= high; power += stride) ticks.push(power);
  return { range: [low, high], ticks, label: (power) => String(Number((base ** power).toPrecision(3))) };
}

function key(title, i) {
  const item = document.createElement("li");
  item.className = `cp-s${i}`;
  item.textContent = title;
  return item;
}

export function number(value) {
  return value < 10 ? String(Number(value.toFixed(1))) : String(Math.round(value));
}

function quoted(value) {
  const text = value === undefined ? "" : String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
