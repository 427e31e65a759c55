// A run that goes on from a step of another. Up to there it is the same: it has those frames in common with it.

import { Run } from "../player/run.js";

export class Branch extends Run {
  // parent: a run, or a branch; step: of it, which is on show when this is made.
  constructor(message, parent, step) {
    super(message);
    Object.assign(this, { parent, step0: step });
    this.frames.unshift(...parent.frames.filter((frame) => frame.step < step));
  }

  get stepSetting() {
    return "fork_step";
  }

  get beginning() {
    return this.parent.placeOf(this.step0);
  }

  // What both have in common is at the same place in both, and so are their ends.
  placeOf(step) {
    const { parent, step0, beginning } = this;
    if (step < step0) return parent.placeOf(step);
    return beginning + ((1 - beginning) * (step - step0)) / (this.total - step0);
  }

  hold() {
    super.hold();
    this.parent.hold();
  }

  release() {
    super.release();
    this.parent.release();
  }

  // Frees its own pictures alone.
  close() {
    if (this.holders === 0) this.frames = this.frames.filter((frame) => frame.step >= this.step0);
    super.close();
  }
}
