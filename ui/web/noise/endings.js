// What sampling ends on, with the ideal denoiser and with the network, beside the nearest training digits.

import { bytesOf, keepFocus, setText } from "../dom.js";
import { paint } from "./pixels.js";

const ROWS = ["ideal", "network"];

export class Endings {
  // parts: the elements by name; ask(): a promise of { ideal, network }, lists of [bytes, bytes of the nearest, distance],
  // or of nothing where it was refused.
  constructor(parts, words, ask) {
    Object.assign(this, { parts, words, ask, shown: null });
    keepFocus(parts["end-button"]);
    parts["end-button"].addEventListener("click", () => this.run());
  }

  async run() {
    const { parts } = this;
    parts["end-button"].disabled = true;
    const asked = (this.asked = {});
    const endings = await this.ask();
    parts["end-button"].disabled = false;
    if (asked === this.asked && endings) this.show(endings);
  }

  // Something else was chosen: what is on show is no longer about that.
  forget() {
    this.asked = {};
    this.shown = null;
    this.parts.endings.hidden = true;
    this.parts.endings.replaceChildren();
    this.parts["end-button"].disabled = false;
  }

  show(endings) {
    this.shown = endings;
    this.parts.endings.hidden = false;
    this.write();
  }

  write() {
    if (!this.shown) return;
    const { words } = this;
    const rows = ROWS.flatMap((name) => {
      const pairs = this.shown[name];
      const head = row(`nz-end-head nz-${name}`, words.text(`noise.end_${name}`));
      const pictures = pairs.map(([image, nearest, distance]) => {
        const figure = document.createElement("figure");
        figure.append(canvas(image), canvas(nearest));
        const caption = document.createElement("figcaption");
        setText(caption, distance.toFixed(2));
        figure.append(caption);
        figure.title = words.text("noise.end_distance", { distance: distance.toFixed(3) });
        return figure;
      });
      const group = row("nz-end-row", "");
      group.append(...pictures);
      return [head, group];
    });
    this.parts.endings.replaceChildren(...rows);
  }
}

function row(name, text) {
  const node = document.createElement("div");
  node.className = name;
  setText(node, text);
  return node;
}

function canvas(bytes) {
  const node = Object.assign(document.createElement("canvas"), { width: 28, height: 28 });
  paint(node, bytesOf(bytes));
  return node;
}
