// The Compare tab as one whose view can be shared (tabs.js), and saved as files.

import { download, setText } from "../dom.js";
import { settingWords } from "../share/setting_words.js";
import { miniature, saveGridGif, saveGridPng } from "./files.js";

const COMMON = ["model", "label", "seed"]; // what the foot of a picture says, unless it is on an axis

export class CompareView {
  // tab: see compare.js.
  constructor(tab) {
    Object.assign(this, { tab, name: "compare" });
    this.files = { table: () => this.saveTable() };
    this.told = JSON.stringify(tab.chosen); // in the history: not what was there before anything was chosen
    tab.parts.csv.addEventListener("click", this.files.table);
  }

  // What is chosen; where the server has refused that, what is on show still.
  values() {
    const { plan, refused, shown, chosen } = this.tab;
    return plan && (refused ? shown : chosen);
  }

  apply(values) {
    this.tab.choice = {};
    this.tab.choose(values);
  }

  whenFinished(tell) {
    this.tell = tell;
  }

  // All cells are here.
  async complete() {
    const { shown, plan, state } = this.tab;
    const runs = state.cells.map(({ run }) => run);
    if (!this.tell || this.told === JSON.stringify(shown) || !runs.some(Boolean)) return;
    this.told = JSON.stringify(shown);
    this.tell(shown, await miniature(plan, runs));
  }

  // What the files are made of; the foot says what all cells have in common.
  get picture() {
    const { plan, shown, state, words, corner } = this.tab;
    const runs = state.cells.map(({ run }) => run);
    const { settings } = plan.cells.find(({ key }) => key);
    const common = COMMON.filter((name) => ![plan.rows.setting, plan.columns.setting].includes(name));
    const foot = common.map((name) => settingWords(name, settings[name], words)).join(" · ");
    return { plan, runs, kind: state.view, words: { corner, foot }, settings: { tab: this.name, ...shown } };
  }

  savePng() {
    return saveGridPng({ ...this.picture, position: this.tab.state.playback.position });
  }

  saveTable() {
    download([this.tab.measures.costs.csv()], "text/csv", "grid.csv");
    return true;
  }

  async saveGif() {
    const { state, words, parts, scene } = this.tab;
    state.setSaving(true);
    setText(parts.gif_text, words.text("player.gif_busy"));
    try {
      await saveGridGif({ ...this.picture, longest: state.run, colour: scene.channels > 1 });
    } finally {
      state.setSaving(false);
      setText(parts.gif_text, words.text("player.gif"));
    }
  }
}
