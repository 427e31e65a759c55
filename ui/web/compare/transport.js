// The grid's scrubber and buttons, in line with its state.

import { connectControls } from "../player/controls.js";
import { ICONS } from "../player/markup.js";
import { NoiseTrack } from "../player/noise_track.js";
import { noiseShare } from "../player/run.js";

export class Transport {
  // part: the elements by name; save: what PNG and GIF do.
  constructor(part, state, words, save) {
    Object.assign(this, { part, state, words, panes: [] });
    this.track = new NoiseTrack(part.track);
    connectControls(this, state, save);
    state.addEventListener("change", () => this.render());
    new ResizeObserver(() => this.measure()).observe(part.track);
    this.render();
  }

  // The track in the present size and colours.
  measure() {
    this.track.measure();
    this.render();
  }

  render() {
    const { part, state } = this;
    const { run, playback } = state;
    const symbol = playback.mode === "play" ? "pause" : "play";
    if (part.play.dataset.symbol !== symbol) {
      part.play.innerHTML = ICONS[symbol];
      part.play.dataset.symbol = symbol;
      part.play.dataset.label = `player.${symbol}`;
      this.words.apply(part.play.parentNode);
    }
    part.loop.setAttribute("aria-pressed", String(playback.loop));
    part.smooth.setAttribute("aria-pressed", String(state.smooth));
    part.speed.value = String(playback.speed);
    for (const name of ["play", "back", "forward", "png", "gif", "scrub"]) part[name].disabled = !run;
    part.gif.disabled ||= state.saving;
    if (!run) return;
    const { step } = state.frame;
    part.scrub.max = run.total;
    part.scrub.value = step;
    const noise = Math.round(100 * noiseShare(state.frame));
    part.scrub.setAttribute("aria-valuetext", this.words.text("player.position", { step, total: run.total, noise }));
    this.track.draw(run.frames, run.total, step);
  }
}
