// A digit of one's own, in place of a real one: the pad, which comes when somebody first wants to draw.

import { bytesOf } from "../dom.js";

export class Drawing {
  // parts: the elements by name; onDraw(pixels): of the drawn digit, in base64, or "" where all was wiped off; random():
  // the bytes of a real digit.
  constructor(parts, words, { onDraw, random }) {
    Object.assign(this, { parts, words, onDraw, random });
    this.pixels = ""; // of the digit on show
    this.onPad = ""; // of the one that the pad shows
    parts.draw.addEventListener("click", () => this.toggle());
  }

  async toggle() {
    const { parts } = this;
    const opens = parts["pad-card"].hidden;
    parts["pad-card"].hidden = !opens;
    parts.draw.setAttribute("aria-expanded", String(opens));
    if (!opens) return;
    this.pad ??= await this.makePad();
    this.showOnPad();
    parts["pad-card"].scrollIntoView({ block: "nearest" });
  }

  async makePad() {
    const { Pad } = await import("../pad/pad.js");
    const onChange = (bytes) => {
      this.onPad = bytes ? btoa(String.fromCharCode(...bytes)) : "";
      this.onDraw(this.onPad);
    };
    return new Pad(this.parts.pad, this.words, { onChange, random: async () => this.random() });
  }

  // A digit is on show that has these pixels, or a real one (""). What does not come from the pad can be drawn on there.
  show(pixels) {
    this.pixels = pixels;
    this.showOnPad();
  }

  showOnPad() {
    if (!this.pad || !this.pixels || this.pixels === this.onPad) return;
    this.onPad = this.pixels;
    this.pad.show(bytesOf(this.pixels));
  }
}
