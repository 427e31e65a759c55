// The Generate tab as one whose view can be shared (tabs.js): the run on show, and how its settings come back into the
// controls. The page's events read `given` and call `restored` (ui/tabs/generate.py).

const MEASURED = ["precision", "version"]; // what a record has beside settings

export class GenerateView {
  // press(id) presses a button of the page.
  constructor(state, press) {
    Object.assign(this, { state, press });
    this.name = "generate";
    this.given = {};
  }

  // All that is recorded of the run on show, once that is complete, and the step; null before.
  async record() {
    const { run, frame, atEnd } = this.state;
    if (!run?.done) return null;
    const { settingsOf } = await import("./share/png_settings.js");
    return { ...(await settingsOf(new Blob([run.png]))), ...(atEnd ? {} : { step: frame.step }) };
  }

  async values() {
    const record = await this.record();
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
