// Live sampling: the sheet follows the controls while they move. The page's events (ui/tabs/live.py) pass it the values
// of the controls by name. `values` are all of them, "model" and "live", the switch, among them.

import { LatestOnly } from "./latest_only.js";

const PATIENCE = 10000; // ms: a request that takes longer does not hold up the next
const PAUSE = 2000; // ms before a request that failed is repeated

export class Live {
  // request(payload): a promise of a message for the player, or of nothing where the server is too busy; payload is the
  // values and a "number". interrupt() ends a run that is under way, onSwitch(on) arranges the page, titleOf(model) is
  // what a model is called.
  constructor(state, words, { request, interrupt, onSwitch = () => {}, titleOf = (model) => model }) {
    Object.assign(this, { state, words, interrupt, onSwitch, titleOf });
    this.on = false;
    this.model = null; // that the controls fit: while another one is being chosen they are about to change
    this.values = {}; // what Generate would sample with
    this.shown = 0; // sheets, each once it is on the canvas
    this.last = 0; // the number of the request whose sheet is on show
    this.requests = new LatestOnly((number, values) => request({ number, ...values }),
      (response, number) => this.show(response, number), { patience: PATIENCE, pause: PAUSE });
  }

  // The switch was pressed. The server is called next, and may choose another model.
  turn({ model }) {
    this.model = model;
  }

  // The server has returned. If it has chosen another model, `settle` follows once the controls fit that.
  turned(values) {
    if (values.model !== this.model) return;
    this.settle(values);
    this.follow();
  }

  // The controls fit the model, and one another.
  settle(values) {
    const on = values.live;
    if (this.on && !on) this.end(values.model === this.model ? null : this.titleOf(values.model));
    if (this.on !== on) this.onSwitch(on);
    this.on = on;
    this.model = values.model;
    this.values = values;
    if (!this.state.busy) this.follow();
  }

  // A control was moved while this model was chosen: its value by name.
  move(model, changed) {
    this.values = { ...this.values, ...changed };
    if (model === this.model) this.follow();
  }

  // A control was moved that changes others, too.
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

  // response: a message for the player; nothing where the server is too busy, or cannot be reached.
  async show(response, number) {
    const { state } = this;
    const failure = { run: "live", error: this.words.text("status.connection_failed") };
    const message = response ? JSON.parse(response) : failure;
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

  // back: what the model is called that has come back, if it has.
  end(back) {
    this.requests.forget();
    this.state.endLive(back);
  }
}
