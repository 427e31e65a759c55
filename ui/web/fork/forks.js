// Forks of the run on show: a small tree of branches, each a player of its own, which scrub and play together with it.

import { createPlayer } from "../player/player.js";
import { RunControl } from "../run_control.js";
import { Branch } from "./branch.js";
import { Card } from "./card.js";
import { Panel } from "./panel.js";
import { Tree } from "./tree.js";

const MOST = 6; // branches
const MARKUP = `
<div class="fk-ask" part="ask"></div>
<section class="fk-tree lab-card" data-label="fork.tree" part="tree" hidden><svg role="img" data-label="fork.tree" part="lines"></svg></section>
<div class="fk-cards" part="cards"></div>`;

export class Forks {
  // component: of ui/tabs/forks.py; main: the state of the page's player; connection: what RunControl needs of the
  // server; onFinished(run): a branch is complete.
  constructor({ element, props, server, trigger, watch }, main, words, { connection, onFinished }) {
    Object.assign(this, { props, server, trigger, main, words, connection, onFinished });
    this.root = element.firstElementChild;
    this.root.innerHTML = MARKUP;
    this.part = Object.fromEntries([...this.root.querySelectorAll("[part]")].map((node) => [node.getAttribute("part"), node]));
    this.branches = []; // in the order in which they were made: each comes after its parent
    this.queue = []; // branches that have not been sent yet; the first is being computed
    this.tree = new Tree(this.part.lines, main.playback);
    this.panel = new Panel(this.part.ask, words, {
      ask: (changes) => this.options(this.place, changes),
      onGo: (changes) => this.fork(changes),
      onClose: () => this.close(),
    });
    main.addEventListener("replace", () => this.clear());
    main.addEventListener("change", () => this.follow());
    words.addEventListener("change", () => this.write());
    watch("message", () => this.receive(JSON.parse(props.message)));
    words.apply(this.root);
  }

  // ---- the panel -----------------------------------------------------------------------------------------------------

  // From the step on show of the run (null), or of a branch.
  async open(branch = null) {
    const { step } = (branch?.state ?? this.main).frame;
    while (branch && step < branch.step) branch = branch.parent; // there it is still what it comes from
    this.place = { branch, step };
    this.part.ask.hidden = false;
    this.panel.opener = document.activeElement;
    await this.panel.open(step);
    this.panel.focus();
    this.part.ask.scrollIntoView({ block: "nearest", behavior: this.main.calm ? "auto" : "smooth" });
  }

  close() {
    this.part.ask.hidden = true;
    this.panel.opener?.focus();
  }

  // What there is to choose from at a place, with some changes; see panel.js.
  async options(place, changes) {
    const sent = { ...this.question(place, changes), language: this.words.language };
    const text = await this.server.options(sent).catch(() => null);
    return text ? JSON.parse(text) : { error: this.words.text("status.connection_failed") };
  }

  question({ branch, step }, changes) {
    return { settings: this.main.run.settings, forks: [...(branch?.path ?? []), { step, ...changes }] };
  }

  fork(changes) {
    if (this.branches.length >= MOST) return this.panel.refuse(this.words.text("fork.most", { most: MOST }));
    const { card } = this.add(this.place, changes, titlesOf(this.panel.choices));
    this.close();
    card.node.scrollIntoView({ block: "nearest", behavior: this.main.calm ? "auto" : "smooth" });
  }

  // ---- branches as a list, for links and pictures (ui/sharing/forked.py) ---------------------------------------------

  get list() {
    const there = this.branches.filter(({ state }) => state.phase !== "failed");
    return there.map(({ parent, path, state }, i) => {
      const from = there.indexOf(parent) + 1;
      return { ...(state.run?.settings.forks ?? path).at(-1), ...(from === i ? {} : { from }) };
    });
  }

  // Make the branches of a list. Returns the last one, once all of them have ended, or nothing where another run is on
  // show by now.
  async plant(list) {
    const { run } = this.main;
    const titles = titlesOf(await this.options({ branch: null, step: list[0].step }, {}));
    const made = [];
    for (const [i, { from = i, step, ...changes }] of list.entries()) {
      if (this.main.run === run) made.push(this.add({ branch: made[from - 1] ?? null, step }, changes, titles));
    }
    await Promise.all(made.map(({ ended }) => ended));
    return this.main.run === run ? made.at(-1) : undefined;
  }

  // ---- branches ------------------------------------------------------------------------------------------------------

  add(place, changes, titles) {
    const { branch: parent, step } = place;
    const { forks: path, settings } = this.question(place, changes);
    const used = this.branches.map((each) => each.number);
    const number = [...Array(MOST).keys()].map((i) => i + 1).find((each) => !used.includes(each));
    const branch = { parent, step, path, settings, number };
    branch.ended = new Promise((resolve) => (branch.end = resolve));
    branch.card = new Card(number, { step, changes, titles }, this.words, () => this.remove(branch));
    const { state, remove } = createPlayer(branch.card.player, {
      words: this.words,
      playback: this.main.playback,
      calm: this.main.calm,
      makeRun: (message) => new Branch(message, this.originOf(branch), step),
      onFork: () => this.open(branch),
    });
    Object.assign(branch, { state, close: remove });
    branch.control = new RunControl(state, this.words, { ...this.connection, release: () => {} });
    this.branches.push(branch);
    this.part.cards.replaceChildren(...this.below(null).map(({ card }) => card.node));
    this.follow();
    this.write();
    branch.name = branch.control.begin();
    this.queue.push(branch);
    if (this.queue.length === 1) this.send();
    return branch;
  }

  // The run that a branch leaves, or a branch of it, or nothing where that has failed.
  originOf({ parent }) {
    return parent ? parent.state.run : this.main.run;
  }

  // The branches of one of them, or of the run (null), each followed by its own.
  below(parent) {
    return this.branches.filter((each) => each.parent === parent).flatMap((each) => [each, ...this.below(each)]);
  }

  // One at a time: messages of several runs would take each other's place on the way through Gradio.
  send() {
    const [branch] = this.queue;
    if (!branch) return;
    if (!this.originOf(branch)) return this.end(true);
    this.props.value = { run: branch.name, settings: branch.settings, forks: branch.path };
    this.trigger("input");
  }

  receive(message) {
    const branch = this.branches.find((each) => each.name === message.run);
    branch?.state.receive(message);
    if (branch) this.draw();
  }

  // The run under way has ended, broken off or not.
  end(broken) {
    const branch = this.queue.shift();
    if (branch) {
      branch.control.end(broken);
      if (branch.state.phase === "finished") this.onFinished(branch.state.run);
      branch.end();
    }
    this.send();
  }

  remove(branch) {
    for (const child of this.branches.filter((each) => each.parent === branch)) this.remove(child);
    branch.control.stop();
    branch.close();
    branch.card.node.remove();
    branch.end();
    this.branches = this.branches.filter((each) => each !== branch);
    this.queue = this.queue.filter((each, i) => each !== branch || i === 0); // one under way ends by itself
    if (this.place?.branch === branch) this.part.ask.hidden = true;
    this.write();
  }

  // Another run takes the place of the one that all of them come from.
  clear() {
    for (const branch of this.branches.filter((each) => !each.parent)) this.remove(branch);
    this.part.ask.hidden = true;
  }

  // Branches show what the player shows: x, x0 or both, smooth or not, all images or one.
  follow() {
    const { view, smooth, enlarged } = this.main;
    for (const { state } of this.branches) {
      if (state.view !== view) state.setView(view);
      if (state.smooth !== smooth) state.setSmooth(smooth);
      if (state.enlarged !== enlarged && state.run) state.enlarge(enlarged);
    }
  }

  // ---- words, and the tree -------------------------------------------------------------------------------------------

  write() {
    this.words.apply(this.root);
    for (const { card } of this.branches) card.write();
    this.draw();
  }

  draw() {
    this.part.tree.hidden = this.branches.length === 0;
    const lines = this.below(null);
    this.tree.draw(lines.map((branch) => ({
      number: branch.number,
      name: `fk-${branch.number}`,
      parent: 1 + lines.indexOf(branch.parent),
      beginning: (this.originOf(branch) ?? this.main.run).placeOf(branch.step),
    })));
  }
}

// What the samplers and models of options are called, by their names.
function titlesOf({ samplers = [], models = [] }) {
  return { sampler: Object.fromEntries(samplers), model: Object.fromEntries(models) };
}
