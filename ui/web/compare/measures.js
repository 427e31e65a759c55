// What is measured of the cells that are there, and how it is shown: in the plot, below each picture, and beside what
// they approach.

import { BUDGETS, Costs, number } from "./costs.js";
import { distance } from "./distance.js";
import { setText } from "../dom.js";

export class Measures {
  // parts: the elements by name; kept: see kept.js; onPoint(index or null): a point of the plot is pointed at.
  constructor(parts, words, kept, onPoint) {
    Object.assign(this, { parts, words, kept });
    this.costs = new Costs(parts, words, onPoint);
    this.distances = new Map(); // by the keys of a cell and of what it approaches
    this.plan = null;
  }

  // cells: of the grid, whose captions are written; problems: of runs that came to nothing, by their keys.
  async draw(plan, cells, problems) {
    this.plan = plan;
    const measured = [];
    const width = plan.columns.titles.length;
    for (const [index, { key, reference, settings }] of plan.cells.entries()) {
      const cell = key && this.kept.get(key);
      if (!cell) continue;
      const place = { rows: Math.floor(index / width), columns: index % width };
      measured.push({
        index, place, calls: cell.calls, ms: 1000 * cell.seconds, steps: settings.steps, images: cell.message.count,
        share: cell.share, distance: await this.distanceOf(cell, reference),
      });
    }
    if (plan !== this.plan) return; // another grid is on show by now
    for (const each of measured) setText(cells[each.index].caption, this.caption(each));
    this.costs.draw(plan, measured, problems);
    this.drawAim();
    this.writeUnder();
  }

  get race() {
    return [this.plan.rows.setting, this.plan.columns.setting].some((setting) => BUDGETS.includes(setting));
  }

  caption({ steps, calls, share, distance: far }) {
    const worth = this.costs.worth === "share" ? share && `${share.right}/${share.of}` : far !== null && `Δ ${far.toFixed(2)}`;
    return [this.race ? `${steps}` : `${number(calls)}×`, worth || ""].join("  ");
  }

  writeUnder() {
    const worth = this.words.text(this.costs.worth === "share" ? "compare.under_share" : "compare.under_distance");
    setText(this.parts.under, this.words.text(this.race ? "compare.under_race" : "compare.under", { worth }));
  }

  // The one result that all cells approach, where there is one.
  drawAim() {
    const keys = new Set(this.plan.cells.map(({ reference }) => reference).filter(Boolean));
    const aim = keys.size === 1 ? this.kept.get([...keys][0]) : null;
    this.parts.aim.hidden = !aim || this.costs.worth === "share";
    if (!aim) return;
    const image = new Image();
    image.src = `data:image/png;base64,${aim.message.result.png}`;
    image.decode().then(() => {
      const canvas = this.parts.aim.querySelector("canvas");
      Object.assign(canvas, { width: image.width, height: image.height });
      canvas.getContext("2d").drawImage(image, 0, 0);
    });
  }

  async distanceOf(cell, reference) {
    const approached = reference && this.kept.get(reference);
    if (!approached) return null;
    const pair = `${cell.key} ${reference}`;
    if (!this.distances.has(pair)) this.distances.set(pair, await distance(cell, approached));
    return this.distances.get(pair);
  }
}
