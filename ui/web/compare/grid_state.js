// The state of a whole grid: that of a player whose run is the longest of its cells'. The cells' own states share its
// playback, so that all of them scrub and play together.

import { PlayerState } from "../player/state.js";

export class GridState extends PlayerState {
  constructor(calm) {
    super({ calm });
    this.view = "x0";
    this.cells = []; // the states of the cells
  }

  // A cell's state, at the moment that the grid is at.
  add() {
    const state = new PlayerState({ playback: this.playback });
    this.cells.push(state);
    return state;
  }

  // Put a finished run into a cell.
  fill(state, message) {
    const position = this.run ? this.playback.position : 1;
    this.atOnce(() => {
      state.restore([message]);
      this.playback.moveTo(position);
    });
  }

  clear() {
    for (const state of this.cells) {
      this.playback.leave(state);
      this.playback.removeEventListener("change", state.onMove);
      state.run?.close();
    }
    this.cells = [];
    this.playback.pause();
  }

  // The run with most frames, by which the scrubber counts.
  get run() {
    const longer = (best, { run }) => (run && run.last > (best?.last ?? -1) ? run : best);
    return (this.cells ?? []).reduce(longer, null);
  }

  set run(_) {
    // the cells have theirs
  }
}
