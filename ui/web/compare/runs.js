// The computation of what a grid lacks: first its cells, then the runs in very many steps that they approach. One run
// of the server is under way at most; its messages come as values of the component.

const TRIES = 3; // to get what did not come
const MEASURED = 2; // runs in very many steps that are computed unasked; more take long

export class Runs {
  // tab: has `plan`, `kept`, `problems`, `shown`, `show(keys)` and `say(sentences)`; send(request) begins a run on the
  // server, stop(name) ends it; onCells(): no cell is missing.
  constructor(tab, { send, stop, onChange, onCells }) {
    Object.assign(this, { tab, send, stopRun: stop, onChange, onCells });
    this.name = ""; // of the run under way
    this.what = "cells"; // or "references"
    this.tries = 0;
    this.measures = false; // whether all that the cells approach was asked for
  }

  get busy() {
    return this.name !== "";
  }

  get references() {
    return this.busy && this.what === "references";
  }

  get total() {
    return this.keys("cells").length;
  }

  get done() {
    return this.total - this.missing("cells").length;
  }

  // How many runs in very many steps are not here.
  get unmeasured() {
    return this.missing("references").length;
  }

  keys(what) {
    const cells = this.tab.plan?.cells ?? [];
    return [...new Set(cells.map((cell) => (what === "cells" ? cell.key : cell.reference)).filter(Boolean))];
  }

  missing(what) {
    return this.keys(what).filter((key) => !this.tab.kept.has(key) && !(key in this.tab.problems));
  }

  // What is missing now; another run under way is stopped.
  start({ measures = false } = {}) {
    this.stop();
    Object.assign(this, { measures, tries: 0, what: "cells" });
    this.next();
  }

  next() {
    const measures = this.measures || this.keys("references").length <= MEASURED;
    if (this.missing("cells").length) return this.begin("cells");
    this.onCells();
    if (measures && this.unmeasured) this.begin("references");
    else this.end();
  }

  begin(what) {
    if (this.what !== what) this.tries = 0;
    if (this.tries === TRIES) return this.end();
    this.tries++;
    const missing = this.missing(what);
    Object.assign(this, { what, name: Math.random().toString(36).slice(2) });
    this.send({ ...this.tab.shown, run: this.name, what, skip: this.keys(what).filter((key) => !missing.includes(key)) });
    this.onChange();
  }

  // message: { run, cells }, { run, over } or { run, error }.
  receive({ run, cells = [], over, error }) {
    for (const cell of cells) {
      if (!cell.problem) this.tab.kept.put(cell);
      else if (run === this.name) this.tab.problems[cell.key] = cell.problem;
    }
    if (!run || run !== this.name) return;
    if (cells.length) this.tab.show(cells.map(({ key }) => key));
    if (error) {
      this.tab.say([error]);
      this.end();
    } else if (over) {
      this.next();
    }
    this.onChange();
  }

  stop() {
    if (!this.busy) return;
    this.stopRun(this.name);
    this.end();
  }

  end() {
    this.name = "";
    this.onChange();
  }
}
