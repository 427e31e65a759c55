// The pictures on show as files, made in the browser.

import { download } from "../dom.js";
import { GifWriter } from "./gif.js";

const FILM = 200; // hundredths of a second that a GIF takes, but for its last frame
const LAST = 150; // that the last frame stands
const SIDE = 240; // pixels, about, of an image of a GIF
const GAP = 8; // pixels between its panes

function fileName(run, ending) {
  return `${(run.label || "images").replace(/[^\w-]+/g, "_")}-seed${run.seed}.${ending}`;
}

// The images on show. The finished sheet carries its settings inside, a step of a finished run those and its number.
export async function savePng(state) {
  const { run, frame, view, atEnd } = state;
  if (atEnd) return download([run.png], "image/png", fileName(run, "png"));
  let png = frame[view === "x0" ? "x0" : "x"].png;
  if (run.done) {
    const { settingsOf, withSettings } = await import("../share/png_settings.js");
    png = withSettings(png, { ...(await settingsOf(new Blob([run.png]))), step: frame.step });
  }
  download([png], "image/png", fileName(run, "png"));
}

// The run as an animation of the panes of these kinds. That takes a while: another run may be on show by then.
export async function saveGif(state, kinds) {
  const { run } = state;
  run.hold();
  state.setSaving(true);
  try {
    download(await encodeGif(run, kinds), "image/gif", fileName(run, "gif"));
  } finally {
    run.release();
    state.setSaving(false);
  }
}

// kinds: "input", "x" and "x0", of which the panes stand side by side.
export async function encodeGif({ frames, input }, kinds) {
  const rows = frames.map((frame) => kinds.map((kind) => (kind === "input" ? input : frame[kind])));
  await Promise.all(rows.flat().map((picture) => picture.ready));
  const pictures = rows.map((row) => row.map((picture) => picture.bitmap));
  const { width, height } = pictures[0][0];
  const scale = Math.max(1, Math.round(SIDE / Math.max(width, height)));
  const canvas = document.createElement("canvas");
  canvas.width = kinds.length * width * scale + (kinds.length - 1) * GAP;
  canvas.height = height * scale;
  const pen = canvas.getContext("2d", { willReadFrequently: true });
  pen.imageSmoothingEnabled = false;
  const writer = new GifWriter(canvas.width, canvas.height, !hasColour(pictures.at(-1)[0]));
  for (const [i, row] of pictures.entries()) {
    pen.fillRect(0, 0, canvas.width, canvas.height);
    row.forEach((picture, k) => pen.drawImage(picture, k * (width * scale + GAP), 0, width * scale, height * scale));
    const pixels = pen.getImageData(0, 0, canvas.width, canvas.height).data;
    writer.add(pixels, i === pictures.length - 1 ? LAST : Math.max(4, Math.round(FILM / pictures.length)));
    await new Promise((resume) => setTimeout(resume)); // let the page do something else between two frames
  }
  return writer.finish();
}

function hasColour(bitmap) {
  const canvas = document.createElement("canvas");
  canvas.width = bitmap.width;
  canvas.height = bitmap.height;
  const pen = canvas.getContext("2d");
  pen.drawImage(bitmap, 0, 0);
  const pixels = pen.getImageData(0, 0, bitmap.width, bitmap.height).data;
  for (let p = 0; p < pixels.length; p += 4) {
    if (pixels[p] !== pixels[p + 1] || pixels[p] !== pixels[p + 2]) return true;
  }
  return false;
}
