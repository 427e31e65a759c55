// Forks of the run on show: a small tree of branches, each a player of its own, which scrub and play together with it.

import { setText } from "../dom.js";
import { createPlayer } from "../player/player.js";
import { RunControl } from "../run_control.js";
import { Branch } from "./branch.js";
import { Panel } from "./panel.js";
import { Tree } from "./tree.js";

const MOST = 6; // branches
const MARKUP = `
<div class="fk-ask" part="ask"></div>
<section class="fk-tree lab-card" data-label="fork.tree" part="tree" hidden><svg role="img" data-label="fork.tree" part="lines"></svg></section>
<div class="fk-cards" part="cards"></div>`;
const CARD = `
<header><b class="fk-number"></b><span class="fk-what"></span>
  <button type="button" class="fk-close">×</button></header>
<div class="fk-player"></div>`;

export class Forks {
  // component: of ui/tabs/forks.py; main: the state of the page's player; connection: what RunControl needs of the server.
  constructor({ element, props, server, trigger, watch }, main, words, connection) {
    Object.assign(this, { props, trigger, main, words, connection });
    this.root = element.firstElementChild;
    this.root.innerHTML = MARKUP;
    this.part = Object.fromEntries([...this.root.querySelectorAll("[part]")].map((node) => [node.getAttribute("part"), node]));
    this.branches = []; // in the order of the cards
    this.queue = []; // branches that have not been sent yet; the first is being computed
    this.tree = new Tree(this.part.lines, main.playback);
    this.panel = new Panel(this.part.ask, words, {
      ask: async (changes) => JSON.parse(await this.options(server, changes)),
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

  async options(server, changes) {
    const sent = { ...this.question(this.place, changes), language: this.words.language };
    const failed = JSON.stringify({ error: this.words.text("status.connection_failed") });
    return (await server.options(sent).catch(() => null)) ?? failed;
  }

  question({ branch, step }, changes) {
    return { settings: this.main.run.settings, forks: [...(branch?.path ?? []), { step, ...changes }] };
  }

  // ---- branches ------------------------------------------------------------------------------------------------------

  fork(changes) {
    if (this.branches.length >= MOST) return this.panel.refuse(this.words.text("fork.most", { most: MOST }));
    const { branch: parent, step } = this.place;
    const { forks: path, settings } = this.question(this.place, changes);
    const used = this.branches.map((each) => each.number);
    const number = [...Array(MOST).keys()].map((i) => i + 1).find((each) => !used.includes(each));
    const card = document.createElement("article");
    card.className = `lab-card fk-branch fk-${number}`;
    card.innerHTML = CARD;
    const branch = { parent, step, changes, path, settings, number, card, titles: this.titles() };
    const from = parent?.state.run ?? this.main.run;
    const { state } = createPlayer(card.querySelector(".fk-player"), {
      words: this.words,
      playback: this.main.playback,
      calm: this.main.calm,
      makeRun: (message) => new Branch(message, from, step),
      onFork: () => this.open(branch),
    });
    branch.state = state;
    branch.control = new RunControl(state, this.words, { ...this.connection, release: () => {} });
    card.querySelector(".fk-close").addEventListener("click", () => this.remove(branch));
    const after = this.branches.findLastIndex((each) => each === parent || each.parent === parent);
    this.branches.splice(parent ? after + 1 : this.branches.length, 0, branch);
    this.part.cards.replaceChildren(...this.branches.map((each) => each.card));
    this.close();
    this.follow();
    this.write();
    branch.name = branch.control.begin();
    this.queue.push(branch);
    if (this.queue.length === 1) this.send();
    card.scrollIntoView({ block: "nearest", behavior: this.main.calm ? "auto" : "smooth" });
  }

  // One at a time: messages of several runs would take each other's place on the way through Gradio.
  send() {
    const [branch] = this.queue;
    if (!branch) return;
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
    if (branch) branch.control.end(broken);
    this.send();
  }

  remove(branch) {
    for (const child of this.branches.filter((each) => each.parent === branch)) this.remove(child);
    branch.control.stop();
    branch.state.close();
    branch.card.remove();
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

  titles() {
    const { samplers, models } = this.panel.choices;
    return { sampler: Object.fromEntries(samplers), model: Object.fromEntries(models) };
  }

  write() {
    this.words.apply(this.root);
    for (const { card, number, step, changes, titles } of this.branches) {
      setText(card.querySelector(".fk-number"), String(number));
      setText(card.querySelector(".fk-what"), this.what(step, changes, titles));
      const label = this.words.text("fork.remove", { n: number });
      Object.assign(card.querySelector(".fk-close"), { ariaLabel: label, title: label });
      card.setAttribute("aria-label", this.words.text("fork.branch", { n: number }));
    }
    this.draw();
  }

  // What a branch changes, in a few words.
  what(step, changes, titles) {
    const { words } = this;
    const shown = {
      label: (value) => value || words.text("tiles.any"),
      sampler: (value) => titles.sampler[value] ?? value,
      model: (value) => titles.model[value]?.[words.language] ?? value,
    };
    const named = Object.entries(changes).map(([name, value]) =>
      words.text("fork.change", { name: words.text(`settings.${name}.label`), value: shown[name]?.(value) ?? value }));
    return words.text("fork.what", { step, changes: named.join(" · ") || words.text("fork.unchanged") });
  }

  draw() {
    this.part.tree.hidden = this.branches.length === 0;
    this.tree.draw(this.branches.map((branch) => ({
      number: branch.number,
      name: `fk-${branch.number}`,
      parent: 1 + this.branches.indexOf(branch.parent),
      beginning: (branch.parent?.state.run ?? this.main.run).placeOf(branch.step),
    })));
  }
}
