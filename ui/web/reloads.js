// The page is loaded again: by a person, by Gradio once a lost server is back, or here, where the server is there and
// nothing else reaches it. What was chosen and the run on show are there again then (session_restore.js).

import { save, take } from "./session_restore.js";

const MAX_AGAIN = 3; // times in a row that the page is loaded again to reach the server
const SETTLING = 100; // ms until the controls have their values

export class Reloads {
  // root: the app's element, of which there may be several on a page; press(id) presses a button of the page.
  constructor({ root, choices, seeds, press }) {
    Object.assign(this, { choices, seeds, press });
    this.place = [...document.querySelectorAll("gradio-app")].indexOf(root);
    const [{ type }] = performance.getEntriesByType("navigation");
    this.saved = type === "navigate" ? null : take(this.place);
    this.inARow = this.saved?.again ?? 0; // so that a run can begin
    this.again = 0; // `inARow`, where the page is about to be loaded again for that
  }

  // Save what is chosen and the player's run when the page goes.
  follow(state) {
    window.addEventListener("pagehide", () => {
      const messages = state.run && !state.run.example ? state.run.messages : [];
      save(this.place, { values: this.choices.lasting, typed: this.seeds.typed, messages, again: this.again });
    });
    state.addEventListener("change", () => {
      if (state.phase === "finished") this.inARow = 0;
    });
  }

  // Load the page again, and begin a run there. Returns whether that may help: not for ever.
  loadAgain() {
    if (this.inARow >= MAX_AGAIN) return false;
    this.again = this.inARow + 1;
    location.reload();
    return true;
  }

  // What a page with this model was like before, as updates by name.
  async restore(model, state) {
    const { saved, choices, seeds } = this;
    if (!saved || choices.turn > 0) return {};
    const updates = await choices.put(saved.values);
    if (choices.model !== (saved.values.model ?? model)) return updates; // it cannot be had any more
    if (!saved.typed) seeds.used = choices.turn;
    if (saved.messages.length && !state.busy) state.restore(saved.messages);
    if (saved.again) setTimeout(() => this.press("generate"), SETTLING);
    return updates;
  }
}
