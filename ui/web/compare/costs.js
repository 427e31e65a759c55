// What each cell of a grid costs and what it is worth, as a plot and as CSV.

import { Plot } from "../plots/plot.js";
import { csvText } from "../share/csv.js";

const SIZE = { width: 420, height: 300 };
const FULL = { range: [0, 1.02], ticks: [0, 0.25, 0.5, 0.75, 1], label: (value) => `${100 * value}%` };
const LEAST = 1e-3; // distances below are plotted there
export const BUDGETS = ["calls", "milliseconds"]; // settings that say what may be spent, and not how
const FEWEST = 16; // images from which on a share has an interval

export class Costs {
  // parts: the elements by name; onPoint(index or null): a point of the plot is pointed at.
  constructor(parts, words, onPoint) {
    Object.assign(this, { parts, words });
    this.worth = "distance"; // or "share"
    this.cost = "calls"; // or "ms", or "value", of the setting that differs along a line
    this.plan = null; // of the grid
    this.measured = []; // see `draw`
    const indexAt = (event) => (event.target.dataset?.index === undefined ? null : Number(event.target.dataset.index));
    parts.plot.addEventListener("pointerover", (event) => onPoint(indexAt(event)));
    parts.plot.addEventListener("pointerleave", () => onPoint(null));
  }

  // measured: the cells that are there, [{ index, place: { rows, columns }, calls, ms, images, share, distance }], row
  // by row. A line is a row; or a column, see `linesAre`. problems: of runs that came to nothing, by their keys.
  draw(plan, measured, problems = {}) {
    Object.assign(this, { plan, measured, problems });
    const { titles } = plan[linesAre(plan)];
    const side = acrossIs(plan);
    const across = plan[side];
    this.offer(across);
    const cost = this.costIn(plan);
    const x = cost === "value" ? valuesOf(across, side) : costsOf(cost);
    const shown = measured.filter((cell) => this.valueOf(cell) !== null && x.of(cell) !== null);
    this.parts.keys.replaceChildren(...titles.map((title, i) => key(title, i)));
    const noted = this.worth === "share" ? "compare.share_note" : "compare.distance_note";
    this.parts.note.textContent = shown.length ? this.words.text(noted) : this.emptyNote;
    const worths = shown.map((cell) => Math.max(cell.distance ?? 0, LEAST));
    const y = this.worth === "share" ? FULL : logarithmic(worths.length ? worths : [0.01, 1], 10);
    const right = `${this.words.text(`settings.${x.setting}.label`)} →`;
    const up = `↑ ${this.words.text(`compare.${this.worth}`)}`;
    const plot = new Plot(this.parts.plot, { x: { ...x.axis(shown), title: right }, y: { ...y, title: up }, size: SIZE });
    const lines = titles.map((_, i) => shown.filter(({ place }) => place[linesAre(plan)] === i).sort((a, b) => x.of(a) - x.of(b)));
    plot.draw(lines.map((cells, i) => this.line(cells, i, x)));
  }

  // The third choice of what goes to the right: the setting itself, where it is a number.
  offer(across) {
    const { parts, words } = this;
    parts["cost-value"].hidden = !isOffered(across);
    parts["cost-value"].textContent = words.text(`settings.${across.setting}.label`);
  }

  // What goes to the right in a plan: what is chosen, where that is a choice.
  costIn(plan) {
    return this.cost === "value" && plan && !isOffered(plan[acrossIs(plan)]) ? "calls" : this.cost;
  }

  line(cells, i, x) {
    const scale = this.worth === "share" ? (value) => value : (value) => Math.log10(Math.max(value, LEAST));
    return {
      name: `cp-s${i}`,
      xs: cells.map((cell) => x.of(cell)),
      ys: cells.map((cell) => scale(this.valueOf(cell))),
      dots: cells.map((cell) => this.dot(cell)),
    };
  }

  titleOf({ rows, columns }) {
    return `${this.plan.rows.titles[rows]} · ${this.plan.columns.titles[columns]}`;
  }

  dot({ index, place, share, ...cell }) {
    const { words } = this;
    const said = [this.titleOf(place), words.text("compare.cost_of", { calls: number(cell.calls), ms: number(cell.ms) })];
    if (cell.distance !== null) said.push(`${words.text("compare.distance")}: ${cell.distance.toFixed(3)}`);
    if (share) said.push(words.text("compare.share_of", share));
    const interval = this.worth === "share" && share.of >= FEWEST ? { low: share.low, high: share.high } : {};
    return { title: said.join("\n"), index, ...interval };
  }

  valueOf({ share, distance }) {
    if (this.worth === "distance") return distance;
    return share ? share.right / share.of : null;
  }

  // Why nothing is plotted.
  get emptyNote() {
    const { words, plan, problems, worth } = this;
    if (worth === "share") return words.text("compare.no_share");
    const approached = plan.cells.map(({ reference }) => reference).filter(Boolean);
    if (approached.some((reference) => !(reference in problems))) return words.text("compare.awaits_distance");
    if (approached.length) return problems[approached[0]];
    return plan.reference_problem || words.text("compare.no_distance");
  }

  csv() {
    const { rows, columns } = this.plan;
    const head = [rows.setting, columns.setting, "steps", "calls_per_image", "milliseconds", "images", "right", "share", "low", "high", "distance"];
    const lines = this.measured.map(({ place, steps, calls, ms, images, share, distance }) => [
      rows.values[place.rows], columns.values[place.columns], steps, calls, ms, images,
      share?.right, share && share.right / share.of, share?.low, share?.high, distance,
    ]);
    return csvText([head, ...lines]);
  }
}

// Lines are rows, unless the columns have names and the rows numbers.
export function linesAre({ rows, columns }) {
  return rows.numeric && !columns.numeric ? "columns" : "rows";
}

// Along a line, the other one differs.
function acrossIs(plan) {
  return linesAre(plan) === "rows" ? "columns" : "rows";
}

// Whether a setting is a number, and not one of the other choices.
function isOffered({ numeric, setting }) {
  return numeric && !BUDGETS.includes(setting);
}

// What goes to the right: `of` a cell, and the axis for some cells.
function costsOf(cost) {
  return {
    setting: { calls: "calls", ms: "milliseconds" }[cost],
    of: (cell) => (cell[cost] > 0 ? Math.log2(cell[cost]) : null),
    axis: (cells) => logarithmic(cells.length ? cells.map((cell) => cell[cost]) : [1, 32], 2),
  };
}

function valuesOf({ setting, values }, side) {
  const numbers = values.map(Number);
  const range = [Math.min(...numbers), Math.max(...numbers)];
  if (range[0] === range[1]) range[1] += 1;
  return {
    setting,
    of: ({ place }) => numbers[place[side]],
    axis: () => ({ range, ticks: numbers }),
  };
}

// An axis over powers of a base for these values, whose logarithms by it are plotted.
function logarithmic(values, base) {
  const [least, most] = [Math.min(...values), Math.max(...values)];
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
