// Generate and Stop: begins a run, watches it while it waits and computes, ends it. The page's events call this
// (ui/tabs/run_buttons.py); the messages of the run come as values of the player's component.

const SILENCE = 5000; // ms without a message after which the server is polled
const FIRST_POLL = 400; // ms after which it is polled for a run that waits
const POLL = 1000; // ms between two polls
const MAX_UNHEARD = 3; // polls in a row: then what the server sends is taken not to arrive
const MAX_MISSED = 3; // responses in a row: then the server is taken to be gone

export class RunControl {
  // stopRun(name) has the server stop a run; sent(name): a promise of how many of its messages are sent, null where it
  // has ended; for queueSize see gradio_workarounds.js; connectionLost(): a promise of whether the page does nothing
  // any more; release() gives its buttons back;
  // loadAgain() loads the page again and begins a run there; onBegin() is called when a run begins.
  constructor(state, words, { stopRun, sent = async () => undefined, queueSize, connectionLost, release, loadAgain, onBegin = () => {}, delay = pause }) {
    Object.assign(this, { state, words, stopRun, sent, queueSize, connectionLost, release, loadAgain, onBegin, delay });
    this.name = ""; // of the last run
    this.deaf = false; // whether what the server sends does not arrive any more
  }

  // Returns the name of the run.
  begin() {
    if (this.state.busy) return this.name; // a double click
    this.name = Math.random().toString(36).slice(2);
    this.begun = performance.now();
    this.state.begin(this.name);
    this.onBegin();
    this.watch(this.name);
    return this.name;
  }

  stop() {
    if (!this.state.busy) return;
    this.stopRun(this.name).catch(() => {}); // a server that cannot be reached: watch() finds that out
    this.state.stop();
  }

  // Another picture takes the place of the run, whose seed it has.
  giveWay() {
    this.stop();
    this.name = "";
  }

  // A run has ended; the one under way only if it broke off. Returns whether none is under way now.
  end(broken) {
    if (broken && this.state.busy) this.fail();
    return !this.state.busy;
  }

  // Whether nothing of the last run, which is over, has come.
  get nothing() {
    return this.name !== "" && !this.state.busy && this.state.run?.name !== this.name;
  }

  fail(key = "connection_failed") {
    this.state.fail(this.words.text(`status.${key}`));
  }

  // Generate was pressed. Where the page's own way to the server is broken it has to be loaded again, which this does
  // once the server is there. Returns whether that is so.
  reconnect() {
    if (!this.deaf) return false;
    this.queueSize().then(() => this.loadAgain(), () => this.fail("lost"));
    return true;
  }

  // While a run is under way: how many are ahead as long as it waits for its turn, whether the server is still there,
  // and whether what it sends arrives. The server reports how many wait in all: a run that joins them is the last one,
  // and can only move forward.
  async watch(name) {
    const { state } = this;
    const over = () => !state.busy || this.name !== name;
    let missed = 0; // responses in a row
    let unheard = 0; // how often in a row the server had sent more than has arrived
    for (let [ahead, after] = [Infinity, FIRST_POLL]; ; after = POLL) {
      await this.delay(after);
      if (over()) return;
      if (await this.connectionLost()) this.deaf = true;
      if (over()) return;
      if (this.deaf) return this.giveUp();
      const silent = performance.now() - state.heard > SILENCE && performance.now() - this.begun > SILENCE;
      if (state.phase === "running" && !silent) continue;
      state.wait({ long: true });
      const waiting = await this.queueSize().catch(() => undefined);
      if (over()) return;
      missed = waiting === undefined ? missed + 1 : 0;
      if (missed === MAX_MISSED) return this.giveUp();
      if (waiting === undefined) continue;
      unheard = silent && (await this.isUnheard(name)) ? unheard + 1 : 0;
      if (over()) return;
      if (unheard === MAX_UNHEARD) return this.giveUpListening(name);
      if (state.phase !== "waiting" || waiting === null) continue;
      ahead = Math.min(ahead, waiting - 1);
      state.wait({ ahead: Math.max(0, ahead) });
    }
  }

  async isUnheard(name) {
    const sent = await this.sent(name).catch(() => undefined);
    return sent !== undefined && (sent === null || sent > this.arrived(name));
  }

  arrived(name) {
    return this.state.run?.name === name ? this.state.run.messages.length : 0;
  }

  giveUp() {
    this.fail("lost");
    this.release();
  }

  // Nothing arrives any more though the server sends. A run of which something has come is over; one that has only
  // begun begins again on a page that listens anew.
  giveUpListening(name) {
    this.deaf = true;
    const begun = this.arrived(name) > 0;
    this.stopRun(name).catch(() => {});
    this.fail("silent");
    this.release();
    if (!begun) this.loadAgain();
  }
}

function pause(ms) {
  return new Promise((resume) => setTimeout(resume, ms));
}
