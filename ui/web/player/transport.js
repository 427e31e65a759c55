// The buttons and the scrubber of transport_markup.js in line with a state.

import { noiseShare } from "./run.js";
import { ICONS } from "./transport_markup.js";

// part: the elements by name; words: see words.js.
export function renderButtons(part, { run, playback, smooth, saving }, words) {
  const symbol = playback.mode === "play" ? "pause" : "play";
  if (part.play.dataset.symbol !== symbol) {
    part.play.innerHTML = ICONS[symbol];
    part.play.dataset.symbol = symbol;
    part.play.dataset.label = `player.${symbol}`;
    words.apply(part.play.parentNode);
  }
  part.loop.setAttribute("aria-pressed", String(playback.loop));
  part.smooth.setAttribute("aria-pressed", String(smooth));
  part.speed.value = String(playback.speed);
  for (const name of ["play", "back", "forward", "png", "scrub"]) part[name].disabled = !run;
  part.gif.disabled = !run || saving;
}

// track: see noise_track.js.
export function renderScrubber(part, { run, frame }, track, words) {
  const { step } = frame;
  const { total } = run;
  part.scrub.max = total;
  part.scrub.value = step;
  const noise = Math.round(100 * noiseShare(frame));
  part.scrub.setAttribute("aria-valuetext", words.text("player.position", { step, total, noise }));
  track.draw(run.frames, total, step);
}
