// The Noise tab as one whose view can be shared (tabs.js), and saved as a picture.

import { settingWords } from "../share/setting_words.js";
import { saveNoisePng } from "./picture.js";

const SETTLED = 1500; // ms that a view is on show until it belongs into the history

export class NoiseView {
  // tab: see noise.js.
  constructor(tab) {
    Object.assign(this, { tab, name: "noise", moving: ["t"] });
    this.told = JSON.stringify(this.values()); // in the history: not what was there before anything was chosen
    tab.parts.png.addEventListener("click", () => saveNoisePng(tab.panes.all, this.foot, { tab: this.name, ...this.values() }));
  }

  // What is chosen; where the server has refused that, what is on show still.
  values() {
    return this.tab.refused ? this.tab.shown : this.tab.chosen;
  }

  apply({ t, ...choice }) {
    this.tab.moveTo(Math.round(100 * t));
    this.tab.choose(choice);
  }

  whenFinished(tell) {
    this.tell = tell;
  }

  // All guesses are there. It counts once nothing else is chosen for a while.
  complete() {
    clearTimeout(this.telling);
    this.telling = setTimeout(() => {
      const values = this.values();
      if (!this.tell || this.tab.asking || this.told === JSON.stringify(values)) return;
      this.told = JSON.stringify(values);
      this.tell(values, this.tab.panes.miniature);
    }, SETTLED);
  }

  // What a saved picture says below.
  get foot() {
    const { scene, words } = this.tab;
    const { t, seed } = this.values();
    const model = scene.models.find(([ref]) => ref === scene.model)?.[1][words.language] ?? scene.model;
    return [model, `t ${t.toFixed(2)}`, settingWords("seed", seed, words)].join(" · ");
  }
}
