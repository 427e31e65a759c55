// Generate and Stop: begins a run, watches it while it waits and computes, ends it. The page's events call this
// (ui/tabs/run_buttons.py); the messages of the run come as values of the player's component.

const SILENCE = 5000; // ms without a message after which the server is polled
const FIRST_POLL = 400; // ms after which it is polled for a run that waits
const POLL = 1000; // ms between two polls
const MAX_MISSED = 3; // responses in a row: then the server is taken to be gone

export class RunControl {
  // stopRun(name) has the server stop a run; queueSize: see gradio_workarounds.js; release() gives the page's buttons
  // back; onBegin() is called when a run begins.
  constructor(state, words, { stopRun, queueSize, release, onBegin = () => {}, delay = pause }) {
    Object.assign(this, { state, words, stopRun, queueSize, release, onBegin, delay });
    this.name = ""; // of the last run
  }

  // Returns the name of the run.
  begin() {
    if (this.state.busy) return this.name; // a double click
    this.name = Math.random().toString(36).slice(2);
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

  // A run has ended; the one under way only if it broke off. Returns whether none is under way now.
  end(broken) {
    if (broken && this.state.busy) this.fail();
    return !this.state.busy;
  }

  // Whether nothing of the last run, which is over, has come.
  get nothing() {
    return this.name !== "" && !this.state.busy && this.state.run?.name !== this.name;
  }

  fail() {
    this.state.fail(this.words.text("status.connection_failed"));
  }

  // While a run is under way: how many are ahead as long as it waits for its turn, and whether the server is still
  // there. The server reports how many wait in all: a run that joins them is the last one, and can only move forward.
  async watch(name) {
    const { state } = this;
    const over = () => !state.busy || this.name !== name;
    let missed = 0; // responses in a row
    for (let [ahead, after] = [Infinity, FIRST_POLL]; ; after = POLL) {
      await this.delay(after);
      if (over()) return;
      if (state.phase === "running" && performance.now() - state.heard < SILENCE) continue;
      state.wait({ long: true });
      const waiting = await this.queueSize().catch(() => undefined);
      if (over()) return;
      missed = waiting === undefined ? missed + 1 : 0;
      if (missed === MAX_MISSED) {
        this.release();
        return this.fail();
      }
      if (state.phase !== "waiting" || waiting === undefined || waiting === null) continue;
      ahead = Math.min(ahead, waiting - 1);
      state.wait({ ahead: Math.max(0, ahead) });
    }
  }
}

function pause(ms) {
  return new Promise((resume) => setTimeout(resume, ms));
}
