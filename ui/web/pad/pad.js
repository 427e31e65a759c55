// A pad to draw a digit on, by mouse, pen, finger or keys. What it gives is an image of 28x28 pixels, by default made like
// MNIST's (centring.js).
//
//   const pad = new Pad(element, words, { onChange: (bytes) => ..., random: async () => bytes });

import { keepFocus, radioGroup, setText } from "../dom.js";
import { centred, shrunk, SIZE } from "./centring.js";
import { pictureOf } from "./picture_file.js";
import { Sheet, SIDE } from "./sheet.js";

const STEP = SIDE / SIZE; // that an arrow key moves the brush
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const MARKUP = `
<div class="pad-paper"><canvas tabindex="0" role="img" data-label="pad.paper" part="paper"></canvas><i part="cursor" hidden></i></div>
<div class="pad-tools">
  <div class="dp-segments" role="radiogroup" data-label="pad.tool" part="tool">
    <button type="button" role="radio" data-value="brush" data-text="pad.brush"></button>
    <button type="button" role="radio" data-value="eraser" data-text="pad.eraser"></button>
  </div>
  <button type="button" class="dp-pill" data-text="pad.undo" part="undo"></button>
  <button type="button" class="dp-pill" data-text="pad.clear" part="clear"></button>
  <button type="button" class="dp-pill" data-text="pad.random" part="random"></button>
  <button type="button" class="dp-pill" data-text="pad.load" part="load"></button>
  <input type="file" accept="image/*" hidden part="file">
  <button type="button" class="dp-pill dp-toggle" aria-pressed="true" data-label="pad.centre_help" data-text="pad.centre" part="centre"></button>
  <p class="lab-note" data-text="pad.keys"></p>
  <p class="pad-problem" role="alert" part="problem" hidden></p>
</div>`;

export class Pad {
  // root: an empty element; onChange(bytes): something was drawn, SIZE x SIZE bytes, or all was wiped off (null);
  // random(): a promise of the bytes of a real digit.
  constructor(root, words, { onChange, random }) {
    Object.assign(this, { root, words, onChange, random, erases: false, centres: true, pointer: null, down: false });
    root.classList.add("pad");
    root.innerHTML = MARKUP;
    this.part = Object.fromEntries([...root.querySelectorAll("[part]")].map((node) => [node.getAttribute("part"), node]));
    this.sheet = new Sheet(this.part.paper);
    this.place = { x: SIDE / 2, y: SIDE / 2 }; // of the brush that keys move
    this.listen();
    words.addEventListener("change", () => words.apply(root));
    words.apply(root);
    this.changed(false);
  }

  listen() {
    const { part } = this;
    const { paper } = part;
    paper.addEventListener("pointerdown", (event) => this.begin(event));
    paper.addEventListener("pointermove", (event) => this.move(event));
    for (const name of ["pointerup", "pointercancel"]) paper.addEventListener(name, (event) => this.end(event));
    paper.addEventListener("keydown", (event) => this.key(event));
    paper.addEventListener("focus", () => this.showCursor());
    paper.addEventListener("blur", () => { this.down = false; part.cursor.hidden = true; });
    radioGroup(part.tool, (tool) => { this.erases = tool === "eraser"; })("brush");
    keepFocus(part.undo);
    part.undo.addEventListener("click", () => this.change(() => this.sheet.undo()));
    part.clear.addEventListener("click", () => this.change(() => this.sheet.clear()));
    part.random.addEventListener("click", async () => this.putBytes(await this.random()));
    part.load.addEventListener("click", () => part.file.click());
    part.file.addEventListener("change", () => this.load(part.file.files[0]));
    part.centre.addEventListener("click", () => {
      this.centres = !this.centres;
      part.centre.setAttribute("aria-pressed", String(this.centres));
      this.changed();
    });
  }

  // ---- by hand -------------------------------------------------------------------------------------------------------

  begin(event) {
    if (this.pointer !== null || event.button > 0 && event.button !== 5) return; // a second finger; 5 is a pen's eraser
    event.preventDefault();
    this.part.paper.setPointerCapture(event.pointerId);
    this.pointer = event.pointerId;
    this.sheet.begin(this.under(event), this.erases || event.button === 5);
    this.changed();
  }

  move(event) {
    if (event.pointerId !== this.pointer) return;
    const events = event.getCoalescedEvents?.() ?? [];
    this.sheet.extend(...(events.length ? events : [event]).map((each) => this.under(each)));
    this.changed();
  }

  end(event) {
    if (event.pointerId === this.pointer) this.pointer = null;
  }

  under(event) {
    const box = this.part.paper.getBoundingClientRect();
    return { x: ((event.clientX - box.left) / box.width) * SIDE, y: ((event.clientY - box.top) / box.height) * SIDE };
  }

  // ---- by keys: arrows move the brush, the space bar puts it down and lifts it ---------------------------------------

  key(event) {
    if (event.key in ARROWS) {
      const [x, y] = ARROWS[event.key];
      const inside = (value) => Math.min(SIDE, Math.max(0, value));
      this.place = { x: inside(this.place.x + x * STEP), y: inside(this.place.y + y * STEP) };
      if (this.down) this.change(() => this.sheet.extend(this.place));
    } else if (event.key === " ") {
      this.down = !this.down;
      if (this.down) this.change(() => this.sheet.begin(this.place, this.erases));
    } else if (event.key === "z" && (event.ctrlKey || event.metaKey)) {
      this.change(() => this.sheet.undo());
    } else return;
    event.preventDefault();
    this.showCursor();
  }

  showCursor() {
    const { cursor, paper } = this.part;
    cursor.hidden = !paper.matches(":focus-visible");
    cursor.classList.toggle("pad-down", this.down);
    cursor.style.left = `${(100 * this.place.x) / SIDE}%`;
    cursor.style.top = `${(100 * this.place.y) / SIDE}%`;
  }

  // ---- pictures ------------------------------------------------------------------------------------------------------

  async load(file) {
    if (!file) return;
    const picture = await pictureOf(file).catch(() => null);
    this.part.file.value = ""; // the same file can be chosen again
    this.part.problem.hidden = picture !== null;
    setText(this.part.problem, picture ? "" : this.words.text("pad.no_picture"));
    if (picture) this.change(() => this.sheet.put(picture));
  }

  // bytes: SIZE x SIZE, to be drawn on.
  putBytes(bytes) {
    if (bytes) this.change(() => this.sheet.put(pictureOfBytes(bytes)));
  }

  // As putBytes, of what is known to whoever is told of changes.
  show(bytes) {
    this.sheet.put(pictureOfBytes(bytes));
    this.changed(false);
  }

  // ---- what comes of it ----------------------------------------------------------------------------------------------

  change(act) {
    act();
    this.changed();
  }

  get image() {
    if (this.sheet.empty) return null;
    return (this.centres ? centred : shrunk)(this.sheet.bytes, SIDE, SIDE);
  }

  // At most once in a frame of the screen.
  changed(tell = true) {
    this.part.undo.disabled = this.sheet.layers.length === 0;
    if (!tell || this.pending) return;
    this.pending = true;
    requestAnimationFrame(() => {
      this.pending = false;
      this.onChange(this.image);
    });
  }
}

function pictureOfBytes(bytes) {
  const picture = Object.assign(document.createElement("canvas"), { width: SIZE, height: SIZE });
  const image = new ImageData(SIZE, SIZE);
  bytes.forEach((byte, i) => image.data.set([byte, byte, byte, 255], 4 * i));
  picture.getContext("2d").putImageData(image, 0, 0);
  return picture;
}
