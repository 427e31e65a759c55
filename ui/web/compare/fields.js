// The controls of what all cells of a grid have in common, made from what the server knows of the settings.

import { AGAIN } from "../icons.js";
import { randomSeed } from "../seeds.js";

const IMAGES = [1, 4, 9, 16, 25];
const ANY = ["", "tiles.any"];

export class Fields {
  // parts: the elements by name; onChange({ name: value }): somebody has chosen; undefined stands for the model's own.
  constructor(parts, words, onChange) {
    Object.assign(this, { parts, words, onChange });
  }

  // scene: what there is to choose from; choice: what is chosen, by name; those of the axes are left out.
  draw(scene, choice) {
    const { words } = this;
    const models = scene.models.map(([ref, titles]) => [ref, titles[words.language] ?? ref]);
    const axes = [choice.rows, choice.columns];
    const shown = scene.fields.filter(({ name, applies }) => applies && !axes.includes(name));
    const everyday = ["label", "seed", "num_images"].map((name) => shown.find((each) => each.name === name)).filter(Boolean);
    const rest = shown.filter((field) => !everyday.includes(field));
    const controls = everyday.map((field) => this.field(field, scene, choice));
    if (!axes.includes("model")) controls.push(this.labelled("model", this.select("model", models, choice.model || scene.model)));
    const { activeElement: hand } = document;
    this.parts.fields.replaceChildren(...controls);
    this.parts.more.replaceChildren(...rest.map((field) => this.field(field, scene, choice)));
    words.apply(this.parts.fields);
    if (hand?.id && !hand.isConnected) this.goOn(hand);
  }

  // Where a hand was in a control that was made anew, it goes on, and what it was typing stays.
  goOn(hand) {
    const again = document.getElementById(hand.id);
    again?.focus();
    if (again?.type === "number" && again.defaultValue === hand.defaultValue) again.value = hand.value;
  }

  field(field, scene, choice) {
    const { name } = field;
    const value = choice[name];
    if (name === "label") {
      const labels = scene.labels.map((label) => [label, label]);
      return this.labelled(name, this.select(name, [...labels, [ANY[0], this.words.text(ANY[1])]], value));
    }
    if (name === "num_images") return this.labelled(name, this.select(name, IMAGES.map((n) => [n, n]), value), "compare.images");
    if (name === "sampler") {
      const own = [["", scene.samplers[field.own]]];
      return this.labelled(name, this.select(name, [...own, ...Object.entries(scene.samplers)], value));
    }
    const input = this.number(field, value);
    if (name !== "seed") return this.labelled(name, input);
    const dice = Object.assign(document.createElement("button"), { type: "button", id: "cp-dice", className: "dp-round", innerHTML: AGAIN });
    dice.dataset.label = "noise.new_noise";
    dice.addEventListener("click", () => this.onChange({ seed: randomSeed() }));
    return this.labelled(name, input, undefined, dice);
  }

  select(name, options, value) {
    const select = Object.assign(document.createElement("select"), { className: "dp-select", id: `cp-field-${name}` });
    select.append(...options.map(([key, text]) => new Option(text, key, false, String(key) === String(value ?? ""))));
    select.addEventListener("change", () => this.onChange({ [name]: select.value || (name === "label" ? "" : undefined) }));
    return select;
  }

  // Without a value it shows the model's own. What the server would refuse is sent all the same: it says why.
  number({ name, kind, low, high, step, own }, value) {
    const input = Object.assign(document.createElement("input"), { type: "number", id: `cp-field-${name}`, min: low, max: high });
    input.step = kind === "integer" ? step : "any";
    input.placeholder = own === null || own === undefined ? "" : String(own);
    input.defaultValue = value ?? "";
    input.addEventListener("change", () => this.onChange({ [name]: input.value === "" ? undefined : input.value }));
    return input;
  }

  labelled(name, control, key = `settings.${name}.label`, extra = null) {
    const field = document.createElement("div");
    field.className = `cp-field cp-${name}`;
    field.dataset.setting = name;
    const label = Object.assign(document.createElement("label"), { className: "cp-label", htmlFor: control.id });
    label.textContent = this.words.text(key);
    const row = document.createElement("div");
    row.append(control, ...(extra ? [extra] : []));
    field.append(label, row);
    return field;
  }
}
