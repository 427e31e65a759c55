// What may change from a step on: the panel between the player and the branches.

import { keepFocus, radioGroup, setText } from "../dom.js";
import { AGAIN } from "../icons.js";
import { randomSeed } from "../seeds.js";

const MARKUP = `
<form class="lab-card fk-panel" novalidate>
  <header><h2 part="title"></h2><button type="button" class="fk-close" data-label="fork.close" part="close">×</button></header>
  <div class="dp-banner" role="alert" part="banner" hidden></div>
  <div class="fk-labels" role="radiogroup" data-label="settings.label.label" part="labels"></div>
  <div class="fk-fields">
    <label part="sampler-field"><span data-text="settings.sampler.label"></span><select class="dp-select" part="sampler"></select></label>
    <label part="guidance-field"><span data-text="settings.guidance_scale.label"></span>
      <input type="number" min="0" step="0.1" part="guidance"></label>
    <label><span data-text="fork.seed"></span>
      <span class="fk-seed"><input type="number" min="0" max="4294967295" step="1" part="seed">
      <button type="button" class="dp-round" data-label="fork.new_seed" part="new-seed">${AGAIN}</button></span></label>
    <label><span data-text="settings.model.label"></span><select class="dp-select" part="model"></select></label>
    <button type="submit" class="dp-pill fk-go" part="go" data-text="fork.go"></button>
  </div>
  <p class="lab-note" part="note"></p>
</form>`;

export class Panel {
  // ask(changes): a promise of what there is to choose from with these changes, see `show`; onGo(changes); onClose().
  constructor(root, words, { ask, onGo, onClose }) {
    Object.assign(this, { root, words, ask, onGo });
    root.innerHTML = MARKUP;
    this.part = Object.fromEntries([...root.querySelectorAll("[part]")].map((node) => [node.getAttribute("part"), node]));
    const { part } = this;
    this.markLabel = radioGroup(part.labels, (label) => this.set({ label }));
    part.sampler.addEventListener("change", () => this.set({ sampler: part.sampler.value }, true));
    part.model.addEventListener("change", () => this.set({ model: part.model.value }, true));
    part.guidance.addEventListener("input", () => this.set({ guidance_scale: part.guidance.value }));
    part.seed.addEventListener("input", () => this.set({ seed: part.seed.value }));
    part["new-seed"].addEventListener("click", () => {
      part.seed.value = randomSeed();
      this.set({ seed: part.seed.value });
    });
    root.firstElementChild.addEventListener("submit", (event) => {
      event.preventDefault();
      this.go();
    });
    part.close.addEventListener("click", onClose);
    root.addEventListener("keydown", (event) => event.key === "Escape" && onClose());
    keepFocus(part.go);
    words.addEventListener("change", () => this.applyWords());
    root.hidden = true;
  }

  // Everything as it was, at this step of this run or branch.
  async open(step) {
    this.step = step;
    this.changed = {};
    this.choices = this.before = null;
    setText(this.part.note, "");
    this.applyWords();
    await this.refresh();
  }

  focus() {
    const first = this.root.querySelector("[role=radio][tabindex='0']") ?? this.part.sampler;
    first.focus({ preventScroll: true });
  }

  set(changed, others = false) {
    Object.assign(this.changed, changed);
    if (others) {
      // another model or sampler has its own values of what nobody has touched
      this.refresh();
    } else this.writeNote();
  }

  // Of what was chosen, what differs from the run before. An empty field is nobody's choice; an empty label is any.
  get changes() {
    const same = ([name, value]) => String(value) === String(this.before.values[name]) || (value === "" && name !== "label");
    return Object.fromEntries(Object.entries(this.changed).filter((each) => !same(each)));
  }

  // What cannot be is said here, where it can be mended.
  async go() {
    const { changes, part } = this;
    if (!this.choices || part.go.disabled) return;
    const asked = (this.asked = {});
    part.go.disabled = true;
    const { error } = await this.ask(changes);
    if (asked !== this.asked || this.root.hidden) return; // something else was chosen meanwhile, or nothing any more
    part.go.disabled = false;
    if (error) this.refuse(error);
    else this.onGo(changes);
  }

  async refresh() {
    const asked = (this.asked = {});
    this.part.go.disabled = true;
    const choices = await this.ask(this.before ? this.changes : {});
    if (asked !== this.asked) return; // something else was chosen meanwhile
    this.part.go.disabled = !this.before && Boolean(choices.error);
    if (choices.error) return this.refuse(choices.error);
    this.refuse("");
    this.before ??= choices;
    this.show(choices);
  }

  refuse(sentence) {
    this.part.banner.hidden = !sentence;
    setText(this.part.banner, sentence);
  }

  // choices: { values by name, labels, samplers: [[name, title]], most_guidance or null, fresh_noise, multistep,
  // models: [[reference, titles by language, why it does not fit, or null]] }.
  show(choices) {
    const { part, words } = this;
    this.choices = choices;
    const { values, labels } = choices;
    part.labels.hidden = labels.length === 0;
    const buttons = labels.length ? [...labels, ""].map((label) => this.labelButton(label)) : [];
    part.labels.replaceChildren(...buttons);
    this.markLabel(this.changed.label ?? values.label);
    part.sampler.replaceChildren(...choices.samplers.map(([name, title]) => option(title, name, values.sampler)));
    part["guidance-field"].hidden = choices.most_guidance === null;
    part.guidance.max = choices.most_guidance ?? "";
    if (!("guidance_scale" in this.changed)) part.guidance.value = values.guidance_scale;
    if (!("seed" in this.changed)) part.seed.value = values.seed;
    part.model.replaceChildren(...choices.models.map(([ref, titles, problem]) => {
      const title = titles[words.language] ?? ref;
      const node = option(problem ? `${title}: ${words.text(`unfit.${problem}`)}` : title, ref, values.model);
      node.disabled = problem !== null;
      return node;
    }));
    this.writeNote();
  }

  labelButton(label) {
    const button = document.createElement("button");
    Object.assign(button, { type: "button", textContent: label || this.words.text("tiles.any") });
    button.setAttribute("role", "radio");
    button.dataset.value = label;
    return button;
  }

  writeNote() {
    if (!this.choices) return setText(this.part.note, "");
    const { choices, words } = this;
    const title = Object.fromEntries(choices.samplers)[choices.values.sampler];
    const notes = [];
    if (choices.multistep) notes.push(words.text("fork.anew", { sampler: title }));
    else if (Object.keys(this.changes).length === 0) notes.push(words.text("fork.same"));
    if (!choices.fresh_noise) notes.push(words.text("fork.no_noise", { sampler: title }));
    setText(this.part.note, notes.join(" "));
  }

  applyWords() {
    this.words.apply(this.root);
    setText(this.part.title, this.words.text("fork.title", { step: this.step ?? "" }));
    if (this.choices) this.show(this.choices);
  }
}

function option(title, value, chosen) {
  return new Option(title, value, false, value === chosen);
}
