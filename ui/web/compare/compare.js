// The Compare tab: a grid of runs from the same noise, in which two settings differ. The server makes a plan of what is
// chosen, and computes those cells that are not here yet (ui/tabs/compare.py).

import { hidesWhenLeft, radioGroup, setText } from "../dom.js";
import { LatestOnly } from "../latest_only.js";
import { CompareView } from "./compare_view.js";
import { EXPERIMENTS } from "./experiments.js";
import { Grid } from "./grid.js";
import { GridState } from "./grid_state.js";
import { Kept } from "./kept.js";
import { MARKUP } from "./markup.js";
import { Measures } from "./measures.js";
import { Picker } from "./picker.js";
import { Runs } from "./runs.js";
import { Transport } from "./transport.js";

const TIMING = { patience: 20000, pause: 2000 }; // ms, see latest_only.js

export function mountCompare(component, page) {
  const root = component.element.firstElementChild;
  root.innerHTML = MARKUP;
  const tab = new CompareTab(root, component, page);
  page.shareable(tab.view, tab.parts.top);
  page.addHistory(tab.parts.history);
  return tab;
}

class CompareTab {
  constructor(root, { props, server, trigger, watch }, page) {
    const { words } = page;
    Object.assign(this, { root, words, page });
    this.parts = Object.fromEntries([...root.querySelectorAll("[part]")].map((node) => [node.getAttribute("part"), node]));
    this.choice = { model: "", ...EXPERIMENTS[0].choice };
    this.view = new CompareView(this);
    this.scene = null; // what there is to choose from
    this.plan = null; // of the grid on show
    this.shown = null; // the values that it was made of
    this.refused = false; // whether what is chosen was
    this.begun = true; // whether the runs of that plan were; not before the grid is in sight
    this.problems = {}; // of cells that were begun, by their keys
    this.kept = new Kept();
    this.state = new GridState(window.matchMedia("(prefers-reduced-motion: reduce)").matches);
    const point = (index) => this.point(index);
    this.grid = new Grid(this.parts.grid, this.state, { words, onOpen: (index) => this.open(index), onPoint: point });
    this.transport = new Transport(this.parts, this.state, words, { png: () => this.view.savePng(), gif: () => this.view.saveGif() });
    this.measures = new Measures(this.parts, words, this.kept, point);
    this.picker = new Picker(this.parts, words, { onChange: (changed) => this.choose(changed), onTry: (each) => this.try(each) });
    this.runs = new Runs(this, {
      send: (request) => { props.value = JSON.stringify(request); trigger("input"); },
      stop: (name) => server.stop(name).catch(() => {}),
      onChange: () => this.renderStatus(),
      onCells: () => this.view.complete(),
    });
    watch("value", () => props.value && this.runs.receive(JSON.parse(props.value)));
    const requests = (method, show) => new LatestOnly((_, values) => server[method](values), (text, _, values) => this.take(text, values, show), TIMING);
    this.scenes = requests("scene", (scene) => this.showScene(scene));
    this.plans = requests("plan", (plan, values) => this.showPlan(plan, values));
    this.listen();
    this.applyWords();
    this.choose({});
  }

  listen() {
    const { parts, words } = this;
    [this.hideStop, this.hideMeasure] = [parts.stop, parts.measure].map(hidesWhenLeft);
    parts.stop.addEventListener("click", () => (this.runs.busy ? this.runs.stop() : this.runs.start()));
    parts.measure.addEventListener("click", () => this.runs.start({ measures: true }));
    this.markWorth = radioGroup(parts.worth, (worth) => this.measureBy({ worth }));
    this.markCost = radioGroup(parts.cost, (cost) => this.measureBy({ cost }));
    words.addEventListener("change", () => this.applyWords());
    this.page.theme.addEventListener("change", () => setTimeout(() => this.transport.measure()));
    new ResizeObserver(() => (this.inSight ? this.begin() : this.runs.stop())).observe(this.root); // another tab was opened
  }

  // ---- what is chosen ------------------------------------------------------------------------------------------------

  choose(changed) {
    const model = this.choice.model;
    Object.assign(this.choice, changed);
    if (!this.scene || this.choice.model !== model) this.scenes.want({ model: this.choice.model, language: this.words.language });
    this.draw();
    this.root.dataset.asking = "true"; // what is on show is not yet what is chosen
    this.plans.want(this.sent);
  }

  // An experiment, with the model and the digit that are chosen.
  try({ choice, worth, cost = "calls" }) {
    const { model, label } = this.choice;
    this.choice = {};
    this.measureBy({ worth, cost });
    this.choose({ ...choice, model, label });
  }

  get chosen() {
    return Object.fromEntries(Object.entries(this.choice).filter(([, value]) => value !== undefined));
  }

  get sent() {
    return { ...this.chosen, language: this.words.language };
  }

  measureBy(chosen) {
    Object.assign(this.measures.costs, chosen);
    this.drawMeasures();
  }

  // ---- what comes ----------------------------------------------------------------------------------------------------

  // text: JSON; nothing where the server is too busy, or cannot be reached.
  take(text, values, show) {
    const answer = text ? JSON.parse(text) : { error: this.words.text("status.connection_failed") };
    if (!this.plans.open) delete this.root.dataset.asking;
    this.refused = Boolean(answer.error);
    if (answer.error) this.say([answer.error]);
    else show(answer, values);
  }

  say(sentences) {
    this.parts.banner.hidden = sentences.length === 0;
    setText(this.parts.banner, sentences.join(" "));
  }

  showScene(scene) {
    this.scene = scene;
    this.draw();
  }

  // The same grid again, in other words, neither moves nor begins anew.
  showPlan(plan, { language, ...values }) {
    const same = JSON.stringify(values) === JSON.stringify(this.shown) && !Object.keys(this.problems).length;
    const { position } = this.state.playback;
    Object.assign(this, { plan, shown: values });
    this.say(plan.problems);
    if (!same) this.problems = {};
    this.grid.build(plan, this.corner);
    this.show(plan.cells.map(({ key }) => key));
    if (same) this.state.playback.moveTo(position);
    else this.begun = false;
    this.begin();
  }

  get inSight() {
    return this.root.offsetWidth > 0;
  }

  // Compute what is missing of a new grid, once somebody sees it.
  begin() {
    if (this.begun || !this.inSight) return;
    this.begun = true;
    this.runs.start();
  }

  // The server's way to the page is broken, or it refuses to compute.
  breakOff() {
    if (!this.runs.busy) return;
    this.runs.end();
    this.say([this.words.text("status.connection_failed")]);
  }

  // What rows and columns are.
  get corner() {
    const [rows, columns] = [this.plan.rows, this.plan.columns].map(({ setting }) => this.words.text(`settings.${setting}.label`));
    return `${rows}\u00a0↓ ${columns}\u00a0→`; // an arrow stays with its word
  }

  // Cells of these keys have come, or were here.
  show(keys) {
    this.plan.cells.forEach(({ key }, index) => {
      if (!keys.includes(key) || !key) return;
      if (this.problems[key]) this.grid.cells[index].refuse(this.problems[key]);
      else if (this.kept.has(key)) this.grid.fill(index, this.kept.get(key));
    });
    this.drawMeasures();
  }

  drawMeasures() {
    const { costs } = this.measures;
    this.markWorth(costs.worth);
    this.markCost(costs.costIn(this.plan));
    this.renderStatus();
    this.parts.csv.disabled = !this.plan;
    if (this.plan) this.measures.draw(this.plan, this.grid.cells, this.problems);
  }

  point(index) {
    this.grid.point(index);
    for (const dot of this.parts.plot.querySelectorAll("circle")) {
      dot.toggleAttribute("data-pointed", index !== null && dot.dataset.index === String(index));
    }
  }

  // A cell in the Generate tab, with its settings.
  open(index) {
    const { precision, version, ...values } = this.plan.cells[index].settings;
    this.page.open({ tab: "generate", values });
  }

  // ---- words and controls --------------------------------------------------------------------------------------------

  applyWords() {
    this.words.apply(this.root);
    setText(this.parts.gif_text, this.words.text("player.gif"));
    this.draw();
    this.drawMeasures();
    if (this.plan) this.plans.want(this.sent);
  }

  draw() {
    if (this.scene) this.picker.draw(this.scene, this.choice);
  }

  renderStatus() {
    const { parts, words, runs } = this;
    const { busy, done, total, references, unmeasured } = runs;
    this.root.dataset.phase = busy ? "running" : !total ? "waiting" : done < total ? "stopped" : "finished";
    const counting = references ? words.text("compare.measuring") : words.text("compare.cells", { done, total });
    setText(parts.status, total ? counting : words.text("status.waiting"));
    this.hideStop(!busy && done === total);
    setText(parts.stop, words.text(busy ? "generate.stop" : "compare.go_on"));
    this.hideMeasure(busy || unmeasured === 0 || this.measures.costs.worth === "share");
    setText(parts.measure, words.text("compare.measure", { n: unmeasured }));
  }
}
