// The pictures on show as files, made in the browser.

import { download } from "../dom.js";
import { Film } from "./film.js";
import { GifWriter } from "./gif.js";

const SIDE = 240; // pixels, about, of a pane of a GIF

export function fileName(run, ending) {
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
