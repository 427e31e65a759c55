// Light or dark: as the system has it, until it is switched. Dispatches "change".

import { isDark, setDark } from "./gradio_workarounds.js";

export class Theme extends EventTarget {
  constructor(preferences) {
    super();
    this.preferences = preferences;
    if (preferences.get("dark") !== undefined) setDark(Boolean(preferences.get("dark")));
  }

  toggle() {
    const dark = !isDark();
    setDark(dark);
    this.preferences.set("dark", dark);
    this.dispatchEvent(new Event("change"));
  }
}
