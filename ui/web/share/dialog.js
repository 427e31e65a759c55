// A window over the page: a title, a cross, and content. Escape and a click beside it close it.

import { layerOf } from "./layer.js";

export class Dialog {
  // app: the app's element; title: a key of words; markup: its content.
  constructor(words, app, title, markup, className = "") {
    const node = document.createElement("dialog");
    node.className = `sh-dialog ${className}`;
    node.innerHTML = `<header><h2 data-text="${title}"></h2>
      <button type="button" class="dp-round" data-label="share.dismiss" part="close">×</button></header>${markup}`;
    layerOf(app).append(node);
    this.node = node;
    this.part = Object.fromEntries([...node.querySelectorAll("[part]")].map((each) => [each.getAttribute("part"), each]));
    this.part.close.addEventListener("click", () => this.close());
    node.addEventListener("click", (event) => event.target === node && this.close());
    words.keepApplied(node);
  }

  open() {
    if (!this.node.open) this.node.showModal();
  }

  close() {
    this.node.close();
  }
}
