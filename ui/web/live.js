// Live sampling: the sheet follows the controls while they move. The page's events (ui/tabs/live.py) tell it the values of
// the controls by name. `values` are all of them, "model" and "live", the switch, among them.

import { LatestOnly } from "./latest_only.js";

const PATIENCE = 10000; // ms: a request that takes longer does not hold up the next
const PAUSE = 2000; // ms before a server that could not answer is asked again

export class Live {
  // request(payload): a promise of a message for the player, or of nothing where the server is too busy; payload is the
  // values and a "number". interrupt() ends a run that is under way, onSwitch(on) arranges the page.
  constructor(state, words, { request, interrupt, onSwitch = () => {} }) {
    Object.assign(this, { state, words, interrupt, onSwitch });
    this.on = false;
    this.model = null; // that the controls fit: while another one is being chosen they are about to change
    this.values = {}; // what Generate would sample with
    this.shown = 0; // sheets, each once it is on the canvas
    this.last = 0; // the number of the request whose sheet is on show
    this.requests = new LatestOnly((number, values) => request({ number, ...values }),
      (answer, number) => this.show(answer, number), { patience: PATIENCE, pause: PAUSE });
  }

  // The switch has been pressed, and the server has not heard of it: it may choose another model. Nothing to add to the
  // values that it will get.
  turn({ model }) {
    this.model = model;
    return {};
  }

  // The server has heard of it. If it has chosen another model, `settle` comes once the controls fit that.
  turned(values) {
    if (values.model !== this.model) return;
    this.settle(values);
    this.follow();
  }

  // The controls fit the model, and one another.
  settle(values) {
    const on = values.live;
    if (this.on && !on) this.end();
    if (this.on !== on) this.onSwitch(on);
    this.on = on;
    this.model = values.model;
    this.values = values;
    if (!this.state.busy) this.follow();
  }

  // A hand has moved a control, while this model was chosen: the value by name.
  move(model, changed) {
    this.values = { ...this.values, ...changed };
    if (model === this.model) this.follow();
  }

  // A hand has moved one that changes others, too.
  moveAll(values) {
    this.move(values.model, values);
  }

  // A run begins: its film is shown, until a control moves again.
  yield() {
    this.requests.forget();
  }

  follow() {
    if (this.on) this.requests.want(this.values);
  }

  // answer: a message of the server; nothing where it has too much to do, or cannot be reached.
  async show(answer, number) {
    const { state } = this;
    const message = answer ? JSON.parse(answer) : { run: "live", error: this.words.text("status.connection_failed") };
    if (state.busy) {
      if (message.error) return;
      this.interrupt(); // nobody sees the rest of that run
    }
    state.receiveLive(message);
    if (state.phase !== "live") return;
    const { run, frame } = state;
    await Promise.all([frame.x.ready, frame.x0.ready]);
    if (state.run !== run) return;
    this.shown++;
    this.last = number;
  }

  end() {
    this.requests.forget();
    this.state.endLive();
  }
}
