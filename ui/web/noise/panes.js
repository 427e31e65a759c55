// The six pictures of the tab, each with what it is called above it and a line below.

import { setText } from "../dom.js";
import { paint, SIZE } from "./pixels.js";

const SMALL = ["real", "noisy", "network", "ideal"]; // of a thumbnail
const GAP = 2; // pixels between its pictures

export class Panes {
  // root: the tab's element.
  constructor(root) {
    this.nodes = Object.fromEntries([...root.querySelectorAll("[data-pane]")].map((node) => [node.dataset.pane, node]));
  }

  // bytes: of 28x28 pixels.
  paint(name, bytes) {
    paint(this.canvas(name), bytes);
  }

  note(name, text) {
    setText(this.nodes[name].querySelector("p"), text);
  }

  canvas(name) {
    return this.nodes[name].querySelector("canvas");
  }

  // [{ canvas, title, note }], in their order.
  get all() {
    return Object.entries(this.nodes).map(([name, node]) => ({
      canvas: this.canvas(name),
      title: node.querySelector("figcaption").textContent,
      note: node.querySelector("p").textContent,
    }));
  }

  // What is given, and what is made of it: a canvas of two by two.
  get miniature() {
    const side = 2 * SIZE + GAP;
    const canvas = new OffscreenCanvas(side, side);
    const pen = canvas.getContext("2d");
    SMALL.forEach((name, i) => pen.drawImage(this.canvas(name), (i % 2) * (SIZE + GAP), Math.floor(i / 2) * (SIZE + GAP)));
    return canvas;
  }
}
