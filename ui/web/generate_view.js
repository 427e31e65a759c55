// The Generate tab as one whose view can be shared (tabs.js): the run on show, and how its settings come back into the
// controls. The page's events read `given` and call `restored` (ui/tabs/generate.py).

import { download } from "./dom.js";
import { fileName } from "./player/downloads.js";

const MEASURED = ["precision", "version"]; // what a record has beside settings

export class GenerateView {
  // press(id) presses a button of the page; view: the player's, whose panes are filmed.
  constructor(state, view, press) {
    Object.assign(this, { state, view, press });
    this.name = "generate";
    this.given = {};
    this.files = { video: () => this.saveVideo(), table: () => this.saveTable() };
  }

  // Calls tell(values, picture) for every run that is finished, but for the example and live sheets.
  whenFinished(tell) {
    let last = null;
    const { state } = this;
    state.addEventListener("change", async () => {
      const { run, phase } = state;
      if (phase !== "finished" || run === last || !run.done || run.example || run.live) return;
      last = run;
      const { x } = run.frames.at(-1);
      const { step, ...values } = this.values() ?? {};
      await x.ready;
      if (!run.closed && values.model !== undefined) tell(values, x.bitmap);
    });
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

  // All that is recorded of the run on show, and the step; null where there is none.
  record() {
    const { run, frame, atEnd } = this.state;
    return run?.settings ? { ...run.settings, ...(atEnd ? {} : { step: frame.step }) } : null;
  }

  values() {
    const record = this.record();
    return record && Object.fromEntries(Object.entries(record).filter(([name]) => !MEASURED.includes(name)));
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
    if (this.given.step !== undefined) this.showStep(this.given.step);
  }

  // Once the run that begins is complete, unless another one is begun or shown before.
  showStep(step) {
    const { state } = this;
    let name = null;
    const look = () => {
      if (state.phase === "waiting") name = state.awaited;
      if (name === null || state.phase === "waiting" || state.phase === "running") return;
      state.removeEventListener("change", look);
      if (state.phase === "finished" && state.run.name === name) state.goToStep(step);
    };
    state.addEventListener("change", look);
    look();
  }
}
