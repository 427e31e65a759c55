// The grid's scrubber and buttons, in line with its state.

import { keepFocus } from "../dom.js";
import { connectControls } from "../player/controls.js";
import { NoiseTrack } from "../player/noise_track.js";
import { renderButtons, renderScrubber } from "../player/transport.js";

export class Transport {
  // part: the elements by name; save: what PNG and GIF do.
  constructor(part, state, words, save) {
    Object.assign(this, { part, state, words, panes: [] });
    this.track = new NoiseTrack(part.track);
    keepFocus(part.gif);
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
    const { part, state, words } = this;
    renderButtons(part, state, words);
    if (state.run) renderScrubber(part, state, this.track, words);
  }
}
