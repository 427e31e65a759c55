// The card of a branch: its number in its colour, what it changes, and its player.

import { setText } from "../dom.js";
import { forkWords } from "../share/setting_words.js";

const MARKUP = `
<header><b class="fk-number"></b><span class="fk-what"></span>
  <button type="button" class="fk-close">×</button></header>
<div class="fk-player"></div>`;

export class Card {
  // fork: { step, changes, titles }: from which step on, settings by name, and what samplers and models are called.
  constructor(number, fork, words, onRemove) {
    Object.assign(this, { number, fork, words });
    this.node = document.createElement("article");
    this.node.className = `lab-card fk-branch fk-${number}`;
    this.node.innerHTML = MARKUP;
    [this.label, this.what, this.cross] = this.node.querySelector("header").children;
    this.cross.addEventListener("click", onRemove);
    setText(this.label, String(number));
    this.write();
  }

  get player() {
    return this.node.lastElementChild;
  }

  write() {
    const { node, number, fork, words, cross } = this;
    setText(this.what, forkWords(fork.step, fork.changes, fork.titles, words));
    const label = words.text("fork.remove", { n: number });
    Object.assign(cross, { ariaLabel: label, title: label });
    node.setAttribute("aria-label", words.text("fork.branch", { n: number }));
  }
}
