// The Generate tab as one whose view can be shared (tabs.js): the run on show, and how its settings come back into the
// controls. The page's events read `values` and call `restored` (ui/tabs/generate.py).

const MEASURED = ["precision", "version"]; // what a record has beside settings

export class GenerateView {
  // press(id) presses a button of the page.
  constructor(state, press) {
    Object.assign(this, { state, press });
    this.name = "generate";
    this.given = {};
  }

  // Settings of the run on show, once that is complete.
  async values() {
    const { run } = this.state;
    if (!run?.done) return null;
    const { settingsOf } = await import("./share/png_settings.js");
    const record = await settingsOf(new Blob([run.png]));
    return Object.fromEntries(Object.entries(record).filter(([name]) => !MEASURED.includes(name)));
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
  }
}
