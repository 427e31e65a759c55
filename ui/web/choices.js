// What a person has chosen on the Generate tab, and what the server makes of it: for a model its labels and its own
// values, for a sampler its steps, and so on (ui/choices.py). Answers come late and in any order, while a hand goes on
// choosing. They take effect in the order in which they were asked for; of several to the same question only the last
// does; a model that is chosen makes void what was asked before; and a value that a hand has set since then stays.

const MODEL = ["model", "settings"]; // questions that are about another model
const BESIDE = ["tiles", "reload", "fetched", "arrived"]; // questions that take long: no other answer waits for theirs
const LIVE_KEEPS = /^(label|seed|seed_mode|num_images|live|hub|notice)$|_note$/;
const OF_ANY_MODEL = ["label", "seed", "seed_mode", "num_images"];
const SET_WITH = { steps_by_hand: "steps" }; // that a value was typed is set with the value

// Dispatches "change" whenever one of `values` may have.
export class Choices extends EventTarget {
  // ask(what, values): a promise of an answer: values, or Gradio's updates, by name. apply() has the page call `take`.
  constructor({ ask, words, apply }) {
    super();
    Object.assign(this, { ask, words, apply });
    this.values = {}; // of the controls by name, as far as they were set here, by a hand or by an answer
    this.hands = new Map(); // what a hand has set, by name: { value, turn }
    this.turn = 0; // how often a hand has set something
    this.lists = {}; // of the dropdowns by name: [what a choice is called, its value] each
    this.model = null; // that the page is set up for, or is about to be
    this.fitted = null; // that the values belong to: the one before, until another is there
    this.models = 0; // how often that was another
    this.labels = 0; // how often there were other tiles
    this.drawn = ""; // what the tiles show samples of
    this.asked = new Map(); // how often each question was asked
    this.order = Promise.resolve(); // until all answers before have taken effect
    this.beforeLive = null; // the values of before live sampling chose a model, and that model: { values, model }
    this.taken = 0; // how often `take` was called
    this.waiting = []; // updates by name that the page has still to take
  }

  // The page with its own model, as it is before anything is chosen.
  start(model) {
    this.model = this.fitted = this.values.model = model;
  }

  // What a model is called in the list of models (ui/choices.py), in the page's language.
  titleOf(model) {
    return this.lists.model?.find(([, value]) => value === model)?.[0].split(" · ")[0] ?? model;
  }

  // The values that are to outlive the page. Those that come with a model which was chosen are its own until it is
  // there, but for what a hand has set since.
  get lasting() {
    if (this.values.model === this.fitted) return this.values;
    const since = this.hands.get("model")?.turn ?? 0;
    const stays = ([name]) => OF_ANY_MODEL.includes(name) || this.hands.get(SET_WITH[name] ?? name)?.turn >= since;
    return Object.fromEntries(Object.entries(this.values).filter(stays));
  }

  // A hand has set a control.
  set(name, value) {
    this.values[name] = value;
    if (name === "steps") this.values.steps_by_hand = true;
    this.hands.set(name, { value, turn: ++this.turn });
    this.changed();
  }

  changed() {
    this.dispatchEvent(new Event("change"));
  }

  // A promise of what is wanted of an answer once its turn has come, as updates by name: they must take effect at once.
  async request(what, values = {}) {
    const tiles = `${values.model} ${values.classifier}`;
    if (what === "live" && !values.live) return this.afterLive();
    if (what === "model" && values.model === this.model) return {}; // it was set up by what has chosen it
    if (what === "tiles" && this.drawn === tiles) return {};
    if (MODEL.includes(what)) this.begin(values.model);
    if (what === "classifier") this.labels++;
    const { models, labels, turn } = this;
    const own = { ...this.values, model: this.model };
    const number = (this.asked.get(what) ?? 0) + 1;
    this.asked.set(what, number);
    const before = BESIDE.includes(what) ? null : this.order;
    const since = what === "fetched" ? (this.hands.get("hub")?.turn ?? turn) : turn;
    const settled = Promise.all([this.answer(what, values), before]).then(([answer]) => {
      if (this.asked.get(what) !== number || (what === "tiles" && labels !== this.labels)) return superseded(what);
      const updates = this.wanted(models === this.models ? answer : onAllModels(answer), since);
      if (MODEL.includes(what) && updates.label) this.fitted = values.model;
      if (what === "restore") this.restored(updates);
      if (what === "live" && updates.model?.value) this.beforeLive = { values: own, model: updates.model.value };
      if (what === "tiles" && updates.label) this.drawn = tiles;
      return updates;
    });
    const next = () => new Promise((resume) => setTimeout(resume));
    if (before) this.order = settled.then(next, next);
    return settled;
  }

  // The page is set up for another model: nobody waits for what was asked before.
  begin(model) {
    this.model = this.values.model = model;
    this.models++;
    this.labels++;
    this.order = Promise.resolve();
  }

  // The label that a hand has chosen is asked for also after a model that does not have it. Controls that are set
  // together change one after the other, and so do the values that an event brings.
  async answer(what, values) {
    const asked = { ...values, language: this.words.language };
    for (const name of ["model", "steps_by_hand"]) {
      if (name in values && !MODEL.includes(what)) asked[name] = this.values[name] ?? values[name];
    }
    const hand = this.hands.get("label");
    if ("label" in values && what !== "settings") asked.label = hand ? hand.value : values.label || null;
    if (what === "arrived") asked.touched = this.turn > 0;
    try {
      return (await this.ask(what, asked)) ?? {};
    } catch {
      if (what === "tiles") return {};
      if (MODEL.includes(what)) this.model = null; // it can be chosen again
      return { [what === "sampler" || what === "advice" ? "sampler_note" : "model_note"]: this.words.text("status.gone") };
    }
  }

  // Of an answer, as updates: all but values that a hand has set since that turn. Where a hand has chosen a model since,
  // the choice of another is none any more, and what comes with it neither.
  wanted(answer, since) {
    const updates = {};
    const overtaken = answer.model?.value !== undefined && this.hands.get("model")?.turn > since;
    for (const [name, given] of Object.entries(overtaken ? onAllModels(answer) : answer)) {
      const update = given?.__type__ === "update" ? { ...given } : { __type__: "update", value: given };
      const hand = this.hands.get(SET_WITH[name] ?? name);
      if ("value" in update && hand?.turn > since) keep(update, hand.value);
      if ("value" in update) this.values[name] = update.value;
      if (update.names) this.drawn = "";
      if (update.choices) this.lists[name] = update.choices;
      updates[name] = update;
    }
    const chosen = updates.model?.value;
    if (chosen !== undefined && chosen !== this.model) this.begin(chosen);
    if (chosen !== undefined) this.fitted = chosen;
    this.changed();
    return updates;
  }

  // A promise of the updates that set the controls to these values, by name, as a hand would: all of them, or none
  // where their model cannot be had (`this.model` is another then).
  async put(values) {
    const { model = this.model, classifier = this.values.classifier, label, ...others } = values;
    const [since, before] = [this.turn, this.model];
    let updates = {};
    if (model !== before || (classifier ?? "") !== (this.values.classifier ?? "")) {
      updates = await this.request("settings", { model, classifier, label });
      if (!updates.label) {
        if (this.model === model || this.model === null) this.model = this.values.model = before;
        return updates;
      }
      updates.model = { __type__: "update", ...updates.model, value: model };
    }
    const names = updates.label?.names;
    if (label !== undefined && (!names || isDrawn(label, names))) others.label = label;
    if ("steps" in others && !("steps_by_hand" in others)) others.steps_by_hand = true;
    const turn = ++this.turn;
    for (const [name, value] of Object.entries(others)) {
      const set = this.hands.get(SET_WITH[name] ?? name)?.turn;
      if (value === null || (set > since && set < turn)) continue;
      this.values[name] = value;
      if (!(name in SET_WITH)) this.hands.set(name, { value, turn });
      updates[name] = { __type__: "update", ...updates[name], value };
    }
    this.changed();
    return updates;
  }

  // Live sampling has ended: the model of before comes back with its settings, unless another was chosen meanwhile. The
  // label, the noise and the number of images stay.
  async afterLive() {
    const { beforeLive } = this;
    this.beforeLive = null;
    if (!beforeLive || beforeLive.model !== this.model) return {};
    const back = Object.entries(beforeLive.values).filter(([name]) => !LIVE_KEEPS.test(name));
    return this.put({ ...Object.fromEntries(back), label: this.values.label });
  }

  // Values that were restored count as a hand's. Throws where nothing was restored.
  restored(updates) {
    if (!updates.model?.value) {
      this.give(updates);
      throw new Error("not restored");
    }
    const turn = ++this.turn;
    for (const [name, { value }] of Object.entries(updates)) {
      if (value !== undefined && !name.endsWith("_note")) this.hands.set(name, { value, turn });
    }
  }

  // Have updates by name take effect that no event of the page has asked for.
  give(updates) {
    this.waiting.push(updates);
    this.apply();
  }

  take() {
    this.taken++;
    return Object.assign({}, ...this.waiting.splice(0));
  }
}

// What is wanted of an answer after which another was asked for. Throws where a run would follow.
function superseded(what) {
  if (what === "restore") throw new Error("superseded");
  return {};
}

// Whether a model with these labels draws what is asked for: one, any, or several in turn (ui/labels.py).
function isDrawn(label, names) {
  return ["", "all", ...names].includes(label) || label.split(/\s*,\s*/).every((each) => names.includes(each));
}

// A value that a hand has set stays, as far as it is possible now.
function keep(update, value) {
  const possible = update.names ? ["", ...update.names] : update.choices?.map(([, choice]) => choice);
  if (possible && !possible.includes(value)) return;
  delete update.value;
  if (update.maximum < value) update.value = update.maximum;
}

// What an answer says whatever model is chosen: which there are.
function onAllModels({ model, notice }) {
  const { choices } = model ?? {};
  return { ...(choices && { model: { __type__: "update", choices } }), ...(notice && { notice }) };
}

// Updates by name as a list, as Gradio takes them: what there is none for stays.
export async function inOrder(names, updates) {
  const given = await updates;
  return names.map((name) => (name === "label" && given?.label ? ofTiles(given.label) : given?.[name]));
}

// Gradio keeps the properties of our own components apart.
function ofTiles({ names, thumbnails, heading, note, ...update }) {
  const props = Object.entries({ names, thumbnails, heading, note }).filter(([, value]) => value !== undefined);
  return props.length ? { ...update, props: Object.fromEntries(props) } : update;
}
