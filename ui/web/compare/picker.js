// What a person chooses with: experiments to begin with, the two axes, and what all cells have in common.

import { EXPERIMENTS, experimentOf } from "./experiments.js";
import { Fields } from "./fields.js";

const SIDES = [["rows", "row_values"], ["columns", "column_values"]];

export class Picker {
  // parts: the elements by name; onChange({ name: value }): somebody has chosen; onTry(experiment).
  constructor(parts, words, { onChange, onTry }) {
    Object.assign(this, { parts, words, onChange });
    this.choice = {};
    this.fields = new Fields(parts, words, onChange);
    for (const [side, values] of SIDES) {
      parts[side].addEventListener("change", () => this.chooseAxis(side, values, parts[side].value));
      parts[`${side}-values`].addEventListener("change", () => onChange({ [values]: parts[`${side}-values`].value }));
    }
    parts.swap.addEventListener("click", () => this.swap());
    parts.experiments.replaceChildren(...EXPERIMENTS.map((experiment) => {
      const button = Object.assign(document.createElement("button"), { type: "button", className: "dp-pill cp-try" });
      button.dataset.text = experiment.title;
      button.addEventListener("click", () => onTry(experiment));
      return button;
    }));
  }

  swap() {
    const { rows, row_values, columns, column_values } = this.choice;
    this.onChange({ rows: columns, row_values: column_values, columns: rows, column_values: row_values });
  }

  // An axis with another setting: one that the other axis has changes places with it.
  chooseAxis(side, values, setting) {
    const [other, otherValues] = side === "rows" ? SIDES[1] : SIDES[0];
    const swapped = this.choice[other] === setting ? { [other]: this.choice[side], [otherValues]: "" } : {};
    this.onChange({ ...swapped, [side]: setting, [values]: "" });
  }

  // scene: what there is to choose from, see ui/tabs/compare.py.
  draw(scene, choice) {
    const { parts, words } = this;
    this.choice = choice;
    const name = (setting) => words.text(`settings.${setting}.label`);
    for (const [side, values] of SIDES) {
      const options = Object.keys(scene.axes).map((setting) => new Option(name(setting), setting, false, setting === choice[side]));
      parts[side].replaceChildren(...options);
      const input = parts[`${side}-values`];
      input.placeholder = scene.axes[choice[side]] ?? "";
      if (input.defaultValue !== (choice[values] ?? "")) input.value = input.defaultValue = choice[values] ?? ""; // else somebody may be typing
    }
    this.fields.draw(scene, choice);
    const experiment = experimentOf(choice);
    [...parts.experiments.children].forEach((button, i) => button.setAttribute("aria-pressed", String(EXPERIMENTS[i] === experiment)));
    const own = { rows: name(choice.rows), columns: name(choice.columns) };
    parts.look.textContent = experiment ? words.text(experiment.look) : words.text("compare.look_own", own);
  }
}
