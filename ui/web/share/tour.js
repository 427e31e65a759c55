// The tour of a first visit: five places of the page, one after the other, with a sentence or two. It is in nobody's way,
// can be left at once, and does not return.

import { layerOf } from "./layer.js";

const STEPS = [ // the key of its words, and where it points to
  ["pick", "#tiles"],
  ["draw", ".lab-buttons"],
  ["scrub", ".digit-player .dp-track"],
  ["knobs", "#setting-guidance_scale"],
  ["more", ".tab-wrapper:has([data-tab-id=generate])"],
];
const GAP = 12; // pixels between the place and the card
const RING = 6; // pixels of the ring around it
const LOOK = 200; // milliseconds until a place that is not on show is looked for again

const MARKUP = `<div class="sh-ring"></div>
  <div class="sh-tour" role="dialog" data-label="tour.name">
    <h3></h3><p></p>
    <div class="sh-steps"><span></span>
      <button type="button" class="dp-pill" data-text="tour.skip"></button>
      <button type="button" class="dp-pill sh-main"></button></div>
  </div>`;

let present = null; // the one under way

export class Tour {
  // app: the app's element. One that is under way ends.
  constructor(words, app) {
    present?.end();
    present = this;
    Object.assign(this, { words, app });
    this.root = document.createElement("div");
    this.root.innerHTML = MARKUP;
    layerOf(app).append(this.root);
    [this.ring, this.card] = this.root.children;
    [this.title, this.text] = this.card.children;
    const [count, skip, next] = this.card.querySelector(".sh-steps").children;
    Object.assign(this, { count, next, index: 0 });
    this.listening = new AbortController();
    const { signal } = this.listening;
    skip.addEventListener("click", () => this.end());
    next.addEventListener("click", () => (this.index === STEPS.length - 1 ? this.end() : this.show(this.index + 1)));
    document.addEventListener("keydown", (event) => event.key === "Escape" && this.end(), { signal });
    for (const name of ["scroll", "resize"]) window.addEventListener(name, () => this.place(), { signal, capture: true, passive: true });
    words.addEventListener("change", () => this.write(), { signal });
    this.show(0);
  }

  show(index) {
    this.index = index;
    const { top, bottom } = this.target?.getBoundingClientRect() ?? {};
    if (top < 0 || bottom > innerHeight) this.target.scrollIntoView({ block: "center" });
    this.write();
  }

  get target() {
    return this.app.querySelector(STEPS[this.index][1]);
  }

  write() {
    const [name] = STEPS[this.index];
    const { words } = this;
    words.apply(this.root);
    this.title.textContent = words.text(`tour_titles.${name}`);
    this.text.textContent = words.text(`tour_texts.${name}`);
    this.count.textContent = `${this.index + 1} / ${STEPS.length}`;
    this.next.textContent = words.text(this.index === STEPS.length - 1 ? "tour.done" : "tour.next");
    this.place();
  }

  // The ring around the place; the card to its right, else below it or, where there is more room, above. Both leave with
  // a place that is not on show, and come back with it: while it was made anew, say, or another tab was looked at.
  place() {
    clearTimeout(this.looking);
    const box = this.target?.getBoundingClientRect();
    this.root.hidden = !box?.width;
    if (this.root.hidden) {
      this.looking = setTimeout(() => this.place(), LOOK);
      return;
    }
    const { offsetWidth: width, offsetHeight: height } = this.card;
    const { clientWidth, clientHeight } = document.documentElement;
    move(this.ring, box.left - RING, box.top - RING);
    this.ring.style.width = `${box.width + 2 * RING}px`;
    this.ring.style.height = `${box.height + 2 * RING}px`;
    const beside = clientWidth - box.right > width + 2 * GAP;
    const below = clientHeight - box.bottom > Math.min(height + 2 * GAP, box.top);
    const x = beside ? box.right + GAP + RING : box.left + Math.min(0, (box.width - width) / 2);
    const y = beside ? box.top - RING : below ? box.bottom + GAP : box.top - height - GAP;
    move(this.card, clamp(x, clientWidth - width), clamp(y, clientHeight - height));
  }

  end() {
    this.listening.abort();
    clearTimeout(this.looking);
    this.root.remove();
  }
}

function move(node, x, y) {
  node.style.left = `${x}px`;
  node.style.top = `${y}px`;
}

function clamp(value, most) {
  return Math.max(GAP, Math.min(value, most - GAP));
}
