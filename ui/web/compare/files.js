// The whole grid as one picture, or as an animation of all cells, with its legends.

import { download } from "../dom.js";
import { withSettings } from "../share/png_settings.js";
import { GifWriter } from "../player/gif.js";
import { decoded } from "../player/run.js";

const CELL = 84; // pixels, about, that a cell takes
const GAP = 6;
const LEGEND = { left: 130, top: 44, bottom: 30 };
const FILM = 240; // hundredths of a second that a GIF takes, but for its last frame
const LAST = 200; // that the last frame stands
const MOST = 40; // frames of a GIF
const FONT = "ui-sans-serif, system-ui, sans-serif";

class GridPicture {
  // plan: see compare.js; runs: of the cells, in their order, null where there is none; words: { corner, foot }.
  constructor(plan, runs, words) {
    Object.assign(this, { plan, runs, words });
    const { width, height } = runs.find(Boolean).frames[0].x.bitmap;
    this.zoom = Math.max(1, Math.round(CELL / width));
    [this.wide, this.high] = [width * this.zoom, height * this.zoom];
    this.columns = plan.columns.titles.length;
    this.canvas = document.createElement("canvas");
    this.canvas.width = LEGEND.left + this.columns * (this.wide + GAP);
    this.canvas.height = LEGEND.top + plan.rows.titles.length * (this.high + GAP) + LEGEND.bottom;
    this.pen = this.canvas.getContext("2d", { willReadFrequently: true });
    this.legends();
  }

  legends() {
    const { pen, plan, canvas } = this;
    pen.fillStyle = "#ffffff";
    pen.fillRect(0, 0, canvas.width, canvas.height);
    pen.textBaseline = "middle";
    this.text(this.words.corner, GAP, LEGEND.top / 2, LEGEND.left - 2 * GAP, "#566079", 12);
    this.text(this.words.foot, GAP, canvas.height - LEGEND.bottom / 2, canvas.width - 2 * GAP, "#566079", 12);
    pen.textAlign = "center";
    plan.columns.titles.forEach((title, j) =>
      this.text(title, LEGEND.left + j * (this.wide + GAP) + this.wide / 2, LEGEND.top / 2, this.wide, "#1d2238", 14));
    pen.textAlign = "right";
    plan.rows.titles.forEach((title, i) =>
      this.text(title, LEGEND.left - 10, LEGEND.top + i * (this.high + GAP) + this.high / 2, LEGEND.left - 16, "#1d2238", 14));
  }

  text(words, x, y, room, colour, size) {
    this.pen.font = `600 ${size}px ${FONT}`;
    this.pen.fillStyle = colour;
    this.pen.fillText(words, x, y, room);
  }

  // All cells at a position of their runs, 0 to 1; kind: "x" or "x0".
  async draw(position, kind) {
    const frames = this.runs.map((run) => run && run.frames[run.indexAt(position)]);
    await Promise.all(frames.filter(Boolean).map(decoded));
    this.pen.imageSmoothingEnabled = false;
    frames.forEach((frame, index) => {
      if (!frame) return;
      const left = LEGEND.left + (index % this.columns) * (this.wide + GAP);
      const top = LEGEND.top + Math.floor(index / this.columns) * (this.high + GAP);
      this.pen.drawImage(frame[kind].bitmap, left, top, this.wide, this.high);
    });
  }
}

// The images of all cells, without legends: a canvas.
export function miniature(plan, runs) {
  return holding(runs, async () => {
    const pictures = await Promise.all(runs.map((run) => run && decoded(run.frames.at(-1)).then(() => run.frames.at(-1).x.bitmap)));
    const { width, height } = pictures.find(Boolean);
    const columns = plan.columns.titles.length;
    const canvas = new OffscreenCanvas(columns * (width + GAP) - GAP, plan.rows.titles.length * (height + GAP) - GAP);
    const pen = canvas.getContext("2d");
    pictures.forEach((picture, index) => {
      if (picture) pen.drawImage(picture, (index % columns) * (width + GAP), Math.floor(index / columns) * (height + GAP));
    });
    return canvas;
  });
}

// Holds the runs' pictures while it works.
async function holding(runs, work) {
  const held = runs.filter(Boolean);
  held.forEach((run) => run.hold());
  try {
    await Promise.all(held.map((run) => decoded(run.frames[0])));
    return await work();
  } finally {
    held.forEach((run) => run.release());
  }
}

// settings: what the picture carries, so that it can be opened again.
export function saveGridPng({ plan, runs, words, kind, position, settings }) {
  return holding(runs, async () => {
    const picture = new GridPicture(plan, runs, words);
    await picture.draw(position, kind);
    const blob = await new Promise((done) => picture.canvas.toBlob(done, "image/png"));
    download([withSettings(new Uint8Array(await blob.arrayBuffer()), settings)], "image/png", "grid.png");
  });
}

export function saveGridGif({ plan, runs, words, kind, longest, colour }) {
  return holding(runs, async () => {
    const picture = new GridPicture(plan, runs, words);
    const { width, height } = picture.canvas;
    const writer = new GifWriter(width, height, !colour);
    const count = Math.min(MOST, longest.frames.length);
    for (let i = 0; i < count; i++) {
      await picture.draw(longest.positionOf(Math.round((i * longest.last) / Math.max(1, count - 1))), kind);
      writer.add(picture.pen.getImageData(0, 0, width, height).data, i === count - 1 ? LAST : Math.max(4, Math.round(FILM / count)));
      await new Promise((resume) => setTimeout(resume)); // let the page do something else between two frames
    }
    download(writer.finish(), "image/gif", "grid.gif");
  });
}
