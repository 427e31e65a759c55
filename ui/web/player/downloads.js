// The pictures on show as files, made in the browser.

import { download } from "../dom.js";
import { Film } from "./film.js";
import { GifWriter } from "./gif.js";

const SIDE = 240; // pixels, about, of a pane of a GIF
const LARGE = 8; // times as large a picture is for a slide
const GUTTER = 2; // pixels between the images of a sheet
const LARGEST = 4096; // pixels of its sides

// A file's name says what is in it: the label in its own script, the model, the seed, and more parts.
export function fileName({ label, seed, settings }, ending, ...parts) {
  const all = [label || "any", shortName(settings?.model ?? ""), `seed${seed}`, ...parts];
  return `${all.filter(Boolean).map((part) => part.replace(/[^\p{L}\p{M}\p{N}.]+/gu, "_")).join("-")}.${ending}`;
}

// "mine" of runs/mine/model, "name" of hub:owner/name@revision.
function shortName(model) {
  return model.replace(/@.*$/, "").replace(/[\\/]model$/, "").split(/[\\/:]/).pop();
}

// The images on show, or the one that is enlarged; as large as they are, or for a slide. The file carries the run's
// settings, and the step unless that is the last.
export async function savePng(state, large = false) {
  const { run, frame, view, atEnd, enlarged, smooth } = state;
  const kind = view === "x0" ? "x0" : "x";
  const moment = atEnd ? [] : [`step${frame.step}`, kind === "x0" ? "guess" : "noisy"];
  const one = enlarged === null ? [] : [`image${enlarged + 1}`];
  if (atEnd && !large && enlarged === null) return download([run.png], "image/png", fileName(run, "png"));
  const whole = atEnd ? run.png : frame[kind].png;
  const drawn = large || enlarged !== null;
  const png = drawn ? await redrawn(whole, run.shape, enlarged, large ? LARGE : 1, smooth) : whole;
  const { settingsOf, withSettings } = await import("../share/png_settings.js");
  const settings = run.settings ?? (run.done ? await settingsOf(new Blob([run.png])) : {});
  const record = { ...settings, ...(atEnd ? {} : { [run.stepSetting]: frame.step }) };
  const name = fileName(run, "png", ...moment, ...one, ...(large ? [`${LARGE}x`] : []));
  download([withSettings(png, record)], "image/png", name);
}

// A sheet, or one image of it, so many times as large as it is, within reason: each image for itself, so that none runs
// into the gutter when it is smoothed.
async function redrawn(png, { count, columns }, enlarged, most, smooth) {
  const sheet = await createImageBitmap(new Blob([png], { type: "image/png" }));
  const size = (sheet.width - GUTTER * (columns - 1)) / columns;
  const [width, height] = enlarged === null ? [sheet.width, sheet.height] : [size, size];
  const times = Math.max(1, Math.min(most, Math.floor(LARGEST / Math.max(width, height))));
  const canvas = new OffscreenCanvas(width * times, height * times);
  const pen = canvas.getContext("2d");
  pen.fillRect(0, 0, canvas.width, canvas.height);
  pen.imageSmoothingEnabled = smooth;
  pen.imageSmoothingQuality = "high";
  for (let i = 0; i < count; i++) {
    if (enlarged !== null && i !== enlarged) continue;
    const [x, y] = [(i % columns) * (size + GUTTER), Math.floor(i / columns) * (size + GUTTER)];
    const [left, top] = enlarged === null ? [x, y] : [0, 0];
    pen.drawImage(sheet, x, y, size, size, left * times, top * times, size * times, size * times);
  }
  sheet.close();
  return new Uint8Array(await (await canvas.convertToBlob({ type: "image/png" })).arrayBuffer());
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

// kinds: of the panes that stand side by side, see film.js.
export async function encodeGif(run, kinds) {
  const film = await Film.of(run, kinds, SIDE);
  const writer = new GifWriter(film.canvas.width, film.canvas.height, !film.coloured);
  for (let i = 0; i < film.length; i++) {
    const seconds = film.draw(i);
    writer.add(film.pixels, Math.round(100 * seconds));
    await new Promise((resume) => setTimeout(resume)); // let the page do something else between two frames
  }
  return writer.finish();
}
