// A link for others that hides controls: what is not ticked is not there for whoever opens it.

import { Dialog } from "./dialog.js";
import { nameOf, PARTS, present } from "./hidden.js";

const MARKUP = `
  <p class="lab-note" data-text="share.class_text"></p>
  <div class="sh-ticks" part="ticks"></div>
  <button type="button" class="dp-pill sh-main" data-text="share.link" part="copy"></button>`;

export class HideDialog {
  // app: the app's element; copy(tab, hide): copies a link to the tab's view without what is named.
  constructor(words, app, copy) {
    Object.assign(this, { words, dialog: new Dialog(words, app, "share.class", MARKUP) });
    this.dialog.part.copy.addEventListener("click", () => {
      this.dialog.close();
      copy(this.tab, this.hidden);
    });
  }

  get hidden() {
    return [...this.dialog.part.ticks.querySelectorAll("input:not(:checked)")].map((box) => box.value);
  }

  // values: of the tab's view; its settings that the page has a place for can be hidden, and parts of the page.
  show(tab, values) {
    this.tab = tab;
    const names = [...Object.keys(values), ...PARTS].filter((name) => present(name, tab.name));
    this.dialog.part.ticks.replaceChildren(...names.map((name) => tick(name, nameOf(name, this.words))));
    this.dialog.open();
  }
}

function tick(name, words) {
  const label = document.createElement("label");
  const box = Object.assign(document.createElement("input"), { type: "checkbox", value: name, checked: true });
  label.append(box, words);
  return label;
}
