// The history as a strip of thumbnails; a click brings one back.

import { refill } from "../dom.js";
import { captionOf, titleOf } from "./history_words.js";

const MARKUP = `<section class="sh-history lab-card" data-label="share.history" hidden>
  <header><h2 data-text="share.history"></h2>
    <button type="button" class="dp-pill" data-text="share.history_clear"></button></header>
  <ul></ul></section>`;

// root: an empty element; open(entry) brings an entry back.
export function mountHistory(root, history, words, open) {
  root.innerHTML = MARKUP;
  const [section] = root.children;
  const list = section.querySelector("ul");
  section.querySelector("button").addEventListener("click", () => {
    history.clear();
    // the button is hidden now, and somebody at the keyboard goes on from the tab that is open
    root.getRootNode().querySelector('[role="tab"][aria-selected="true"]')?.focus({ preventScroll: true });
  });
  const shown = new WeakMap(); // the entry of a button
  list.addEventListener("click", (event) => {
    const entry = shown.get(event.target.closest("button"));
    if (entry) open(entry);
  });
  const render = () => {
    words.apply(section);
    section.hidden = history.entries.length === 0;
    const { entries } = history;
    const before = (i) => entries.find((each, j) => j > i && each.tab === entries[i].tab);
    const items = entries.map((entry, i) => item(entry, before(i), words));
    items.forEach((node, i) => shown.set(node.firstChild, entries[i]));
    refill(list, items, (button) => shown.get(button));
  };
  history.addEventListener("change", render);
  words.addEventListener("change", render);
  render();
}

function item(entry, before, words) {
  const image = Object.assign(new Image(), { src: entry.picture, alt: "" });
  const caption = document.createElement("span");
  caption.textContent = captionOf(entry, before, words);
  const button = Object.assign(document.createElement("button"), { type: "button" });
  button.title = titleOf(entry, words);
  button.append(image, caption);
  const node = document.createElement("li");
  node.append(button);
  return node;
}
