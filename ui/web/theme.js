// Light or dark: as the system has it, until it is switched. Dispatches "change".

import { isDark, setDark } from "./gradio_workarounds.js";

export class Theme extends EventTarget {
  // app: { own, root }, see boot.js.
  constructor(app, preferences) {
    super();
    Object.assign(this, { app, preferences });
    if (preferences.get("dark") !== undefined) setDark(app, Boolean(preferences.get("dark")));
  }

  toggle() {
    const dark = !isDark(this.app);
    setDark(this.app, dark);
    this.preferences.set("dark", dark);
    this.dispatchEvent(new Event("change"));
  }
}
