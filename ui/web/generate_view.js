// The Generate tab as one whose view can be shared (tabs.js): the run on show with its forks, and how its settings come
// back into the controls. The page's events read `given` and call `restored` (ui/tabs/generate.py).

import { download } from "./dom.js";
import { fileName } from "./player/downloads.js";

const MEASURED = ["precision", "version"]; // what a record has beside settings

export class GenerateView {
  // press(id) presses a button of the page; view: the player's, whose panes are filmed; makeForks(): a promise of
  // fork/forks.js, which is `forks` from then on.
  constructor(state, view, press, makeForks) {
    Object.assign(this, { state, view, press, makeForks, forks: null });
    this.name = "generate";
    this.given = {};
    this.files = { video: () => this.saveVideo(), table: () => this.saveTable() };
  }

  // Calls tell(values, picture) for every run that is finished, but for the example and live sheets.
  whenFinished(tell) {
    let last = null;
    const { state } = this;
    this.tell = tell;
    state.addEventListener("change", async () => {
      const { run, phase } = state;
      if (phase !== "finished" || run === last || !run.done || run.example || run.live) return;
      last = run;
      if (run.settings) this.tellOf(run, lasting(run.settings));
    });
  }

  // A branch is complete: what leads to it is an entry of the history, too.
  branchFinished(run) {
    const { forks, ...settings } = lasting(run.settings);
    if (this.tell) this.tellOf(run, { ...settings, forks: JSON.stringify(forks) });
  }

  async tellOf(run, values) {
    const { x } = run.frames.at(-1);
    await x.ready;
    if (!run.closed) this.tell(values, x.bitmap);
  }

  // ---- files -------------------------------------------------------------------------------------------------------

  // Returns whether the browser could write it.
  async saveVideo() {
    const { run } = this.state;
    run.hold();
    this.state.setSaving(true);
    try {
      const { encodeMp4 } = await import("./share/video.js");
      const parts = await encodeMp4(run, this.view.kinds);
      if (parts) download(parts, "video/mp4", fileName(run, "mp4"));
      return parts !== null;
    } finally {
      run.release();
      this.state.setSaving(false);
    }
  }

  async saveTable() {
    const { csvOf } = await import("./share/table.js");
    download([csvOf(this.state.run)], "text/csv", fileName(this.state.run, "csv"));
    return true;
  }

  // ---- settings ----------------------------------------------------------------------------------------------------

  values() {
    const { run, frame, atEnd } = this.state;
    if (!run?.settings) return null;
    const forks = this.forks?.list ?? [];
    return {
      ...lasting(run.settings),
      ...(forks.length ? { forks: JSON.stringify(forks) } : {}),
      ...(atEnd ? {} : { step: frame.step }),
    };
  }

  // Resolves once the controls have the values; then the run begins.
  apply(values) {
    this.given = values;
    if (this.state.busy) this.press("stop");
    return new Promise((resolve) => {
      this.arrived = resolve;
      this.press("restore");
    });
  }

  restored() {
    this.arrived?.();
    this.press("generate");
    this.whenComplete(() => this.showMoment(this.given));
  }

  // What the run was forked into, and the step on show of the run, or of the last fork.
  async showMoment({ forks, step, fork_step: forkStep }) {
    const { run } = this.state;
    const last = forks && (await (await this.makeForks()).plant(JSON.parse(forks)));
    if (forkStep !== undefined) last?.state.goToStep(forkStep);
    else if (step !== undefined && this.state.run === run) this.state.goToStep(step);
  }

  // Calls show() once the run that begins is complete, unless another one is begun or shown before.
  whenComplete(show) {
    const { state } = this;
    let name = null;
    const look = () => {
      if (state.phase === "waiting") name = state.awaited;
      if (name === null || state.phase === "waiting" || state.phase === "running") return;
      state.removeEventListener("change", look);
      if (state.phase === "finished" && state.run.name === name) show();
    };
    state.addEventListener("change", look);
    look();
  }
}

// What a record says beside what was measured.
function lasting(record) {
  return Object.fromEntries(Object.entries(record).filter(([name]) => !MEASURED.includes(name)));
}
