// The Compare tab: a grid of runs from the same noise, in which two settings differ. The server makes a plan of what is
// chosen, and computes those cells that are not here yet (ui/tabs/compare.py).

import { download, radioGroup, setText } from "../dom.js";
import { LatestOnly } from "../latest_only.js";
import { Costs, number } from "./costs.js";
import { distance } from "./distance.js";
import { saveGridGif, saveGridPng } from "./files.js";
import { Fields } from "./fields.js";
import { Grid } from "./grid.js";
import { GridState } from "./grid_state.js";
import { Kept } from "./kept.js";
import { MARKUP } from "./markup.js";
import { Runs } from "./runs.js";
import { Transport } from "./transport.js";

const TIMING = { patience: 20000, pause: 2000 }; // ms, see latest_only.js
const START = { rows: "sampler", row_values: "", columns: "steps", column_values: "", label: "5", seed: 0, num_images: 1, model: "" };

export function mountCompare(component, page) {
  const root = component.element.firstElementChild;
  root.innerHTML = MARKUP;
  return new CompareTab(root, component, page);
}

class CompareTab {
  constructor(root, { props, server, trigger, watch }, { words, theme }) {
    Object.assign(this, { root, words });
    this.parts = Object.fromEntries([...root.querySelectorAll("[part]")].map((node) => [node.getAttribute("part"), node]));
    this.choice = { ...START };
    this.plan = null;
    this.scene = null;
    this.kept = new Kept();
    this.problems = {}; // of cells that were begun, by their keys
    this.distances = new Map(); // by the keys of a cell and of what it approaches
    this.state = new GridState(window.matchMedia("(prefers-reduced-motion: reduce)").matches);
    this.grid = new Grid(this.parts.grid, this.state, { words, onOpen: (index) => this.open(index), onPoint: (index) => this.point(index) });
    this.transport = new Transport(this.parts, this.state, words, { png: () => this.savePng(), gif: () => this.saveGif() });
    this.costs = new Costs(this.parts, words, (index) => this.point(index));
    this.fields = new Fields(this.parts, words, (changed) => this.choose(changed));
    this.runs = new Runs(this, {
      send: (request) => { props.value = JSON.stringify(request); trigger("input"); },
      stop: (name) => server.stop(name).catch(() => {}),
      onChange: () => this.renderStatus(),
    });
    watch("value", () => props.value && this.runs.receive(JSON.parse(props.value)));
    const requests = (method, show) => new LatestOnly((_, values) => server[method](values), (text) => this.take(text, show), TIMING);
    this.scenes = requests("scene", (scene) => this.showScene(scene));
    this.plans = requests("plan", (plan) => this.showPlan(plan));
    this.listen(theme);
    this.applyWords();
    this.choose({});
  }

  listen(theme) {
    const { parts, words } = this;
    for (const side of ["rows", "columns"]) {
      const values = side === "rows" ? "row_values" : "column_values";
      parts[side].addEventListener("change", () => this.chooseAxis(side, values, parts[side].value));
      parts[`${side}-values`].addEventListener("change", () => this.choose({ [values]: parts[`${side}-values`].value }));
    }
    parts.swap.addEventListener("click", () => {
      const { rows, row_values, columns, column_values } = this.choice;
      this.choose({ rows: columns, row_values: column_values, columns: rows, column_values: row_values });
    });
    parts.stop.addEventListener("click", () => (this.runs.busy ? this.runs.stop() : this.runs.start()));
    radioGroup(parts.worth, (worth) => this.measureBy({ worth }))(this.costs.worth);
    radioGroup(parts.cost, (cost) => this.measureBy({ cost }))(this.costs.cost);
    parts.csv.addEventListener("click", () => download([this.costs.csv()], "text/csv", "grid.csv"));
    words.addEventListener("change", () => this.applyWords());
    theme.addEventListener("change", () => setTimeout(() => this.transport.measure()));
    new ResizeObserver(() => this.root.offsetWidth || this.runs.stop()).observe(this.root); // another tab was opened
  }

  // ---- what is chosen ------------------------------------------------------------------------------------------------

  choose(changed) {
    Object.assign(this.choice, changed);
    if (!this.scene || "model" in changed) this.scenes.want({ model: this.choice.model, language: this.words.language });
    this.drawControls();
    this.plans.want(this.values);
  }

  // An axis with another setting: one that the other axis had changes places with it.
  chooseAxis(side, values, setting) {
    const [other, otherValues] = side === "rows" ? ["columns", "column_values"] : ["rows", "row_values"];
    const swapped = this.choice[other] === setting ? { [other]: this.choice[side], [otherValues]: "" } : {};
    this.choose({ ...swapped, [side]: setting, [values]: "" });
  }

  get values() {
    return { ...this.choice, language: this.words.language };
  }

  measureBy(chosen) {
    Object.assign(this.costs, chosen);
    this.drawCosts();
  }

  // ---- what comes ----------------------------------------------------------------------------------------------------

  // text: JSON; nothing where the server is too busy, or cannot be reached.
  take(text, show) {
    const answer = text ? JSON.parse(text) : { error: this.words.text("status.connection_failed") };
    this.say(answer.error ? [answer.error] : []);
    if (!answer.error) show(answer);
  }

  say(sentences) {
    this.parts.banner.hidden = sentences.length === 0;
    setText(this.parts.banner, sentences.join(" "));
  }

  showScene(scene) {
    this.scene = scene;
    this.drawControls();
  }

  showPlan(plan) {
    this.plan = plan;
    this.problems = {};
    this.say(plan.problems);
    this.grid.build(plan, this.corner);
    this.show(plan.cells.map(({ key }) => key));
    this.runs.start();
  }

  // What rows and columns are.
  get corner() {
    const [rows, columns] = [this.plan.rows, this.plan.columns].map(({ setting }) => this.words.text(`settings.${setting}.label`));
    return `${rows} ↓ ${columns} →`;
  }

  // Cells of these keys have come, or were here.
  show(keys) {
    this.plan.cells.forEach(({ key }, index) => {
      if (!keys.includes(key) || !key) return;
      if (this.problems[key]) this.grid.cells[index].refuse(this.problems[key]);
      else if (this.kept.has(key)) this.grid.fill(index, this.kept.get(key));
    });
    this.drawCosts();
  }

  // ---- what it costs and what it is worth ----------------------------------------------------------------------------

  async drawCosts() {
    const { plan } = this;
    if (!plan) return;
    const rows = plan.rows.titles.map(() => []);
    const width = plan.columns.titles.length;
    for (const [index, { key, reference }] of plan.cells.entries()) {
      const cell = key && this.kept.get(key);
      if (!cell) continue;
      const column = plan.columns.titles[index % width];
      const row = Math.floor(index / width);
      rows[row].push({
        index, column, title: `${plan.rows.titles[row]} · ${column}`, calls: cell.calls, ms: 1000 * cell.seconds,
        images: cell.message.count, share: cell.share, distance: await this.distanceOf(cell, reference),
      });
    }
    if (plan !== this.plan) return;
    for (const measured of rows.flat()) setText(this.grid.cells[measured.index].caption, this.caption(measured));
    this.costs.draw(plan.rows.titles, rows);
  }

  caption({ calls, share, distance: far }) {
    const worth = this.costs.worth === "share" ? share && `${share.right}/${share.of}` : far !== null && `Δ ${far.toFixed(2)}`;
    return [`${number(calls)}×`, worth || ""].join("  ");
  }

  async distanceOf(cell, reference) {
    const approached = reference && this.kept.get(reference);
    if (!approached) return null;
    const pair = `${cell.key} ${reference}`;
    if (!this.distances.has(pair)) this.distances.set(pair, await distance(cell, approached));
    return this.distances.get(pair);
  }

  point(index) {
    this.grid.point(index);
    for (const dot of this.parts.plot.querySelectorAll("circle")) {
      dot.toggleAttribute("data-pointed", index !== null && dot.dataset.index === String(index));
    }
  }

  open() {}

  // ---- files ---------------------------------------------------------------------------------------------------------

  // What the files are made of; the words say what all cells have in common.
  get picture() {
    const { plan, state, words } = this;
    const name = (setting) => words.text(`settings.${setting}.label`);
    const axes = [plan.rows.setting, plan.columns.setting];
    const common = Object.entries(this.values).filter(([key, value]) => ["model", "label", "seed"].includes(key) && !axes.includes(key) && value !== "");
    const foot = common.map(([key, value]) => `${name(key)} ${value}`).join(" · ");
    return { plan, runs: state.cells.map(({ run }) => run), kind: state.view, words: { corner: this.corner, foot } };
  }

  savePng() {
    return saveGridPng({ ...this.picture, position: this.state.playback.position });
  }

  async saveGif() {
    const { state, words } = this;
    state.setSaving(true);
    setText(this.parts.gif_text, words.text("player.gif_busy"));
    try {
      await saveGridGif({ ...this.picture, longest: state.run, colour: this.scene.channels > 1 });
    } finally {
      state.setSaving(false);
      setText(this.parts.gif_text, words.text("player.gif"));
    }
  }

  // ---- words and controls --------------------------------------------------------------------------------------------

  applyWords() {
    this.words.apply(this.root);
    setText(this.parts.gif_text, this.words.text("player.gif"));
    this.drawControls();
    this.renderStatus();
    if (this.plan) this.plans.want(this.values);
  }

  drawControls() {
    const { scene, choice, parts, words } = this;
    if (!scene) return;
    for (const [side, values] of [["rows", "row_values"], ["columns", "column_values"]]) {
      const settings = Object.keys(scene.axes);
      parts[side].replaceChildren(...settings.map((name) =>
        new Option(words.text(`settings.${name}.label`), name, false, name === choice[side])));
      const input = parts[`${side}-values`];
      input.placeholder = scene.axes[choice[side]] ?? "";
      if (input.value !== choice[values]) input.value = choice[values];
    }
    this.fields.draw(scene, choice);
  }

  renderStatus() {
    if (!this.runs) return;
    const { parts, words } = this;
    const { busy, done, total, references } = this.runs;
    this.root.dataset.phase = busy ? "running" : !total ? "waiting" : done < total ? "stopped" : "finished";
    const counting = references ? words.text("compare.measuring") : words.text("compare.cells", { done, total });
    setText(parts.status, total ? counting : words.text("status.waiting"));
    parts.stop.hidden = !busy && done === total;
    setText(parts.stop, words.text(busy ? "generate.stop" : "compare.go_on"));
  }
}
