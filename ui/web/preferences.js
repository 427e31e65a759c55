// What a person has chosen for all visits: language, light or dark. Kept in the browser's storage, which may be closed
// to the page, as in another site's frame, and may hold anything.

const KEY = "digit-diffusion-lab";

export class Preferences {
  // storage: a function that returns localStorage, or throws.
  constructor(storage = () => localStorage) {
    this.storage = storage;
    this.values = {};
    try {
      const kept = JSON.parse(storage().getItem(KEY));
      if (typeof kept === "object") this.values = { ...kept };
    } catch {
      // as for a first visit
    }
  }

  get(name) {
    return this.values[name];
  }

  set(name, value) {
    this.values[name] = value;
    try {
      this.storage().setItem(KEY, JSON.stringify(this.values));
    } catch {
      // then it holds until the page is left
    }
  }
}
