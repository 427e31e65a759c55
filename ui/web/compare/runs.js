// The computation of what a grid lacks: first its cells, then the runs in very many steps that they approach. One run
// of the server is under way at most; its messages come as values of the component.

const TRIES = 3; // to get what did not come

export class Runs {
  // tab: has `plan`, `kept`, `problems`, `values`, `show(keys)` and `say(sentences)`; send(request) begins a run on the
  // server, stop(name) ends it.
  constructor(tab, { send, stop, onChange }) {
    Object.assign(this, { tab, send, stopRun: stop, onChange });
    this.name = ""; // of the run under way
    this.what = "cells";
    this.tries = 0;
    this.measures = true; // whether the grid is compared with very many steps
  }

  get busy() {
    return this.name !== "";
  }

  get references() {
    return this.busy && this.what === "references";
  }

  get keys() {
    return (this.tab.plan?.cells ?? []).map(({ key }) => key).filter(Boolean);
  }

  get total() {
    return this.keys.length;
  }

  get done() {
    return this.keys.filter((key) => this.here(key)).length;
  }

  here(key) {
    return this.tab.kept.has(key) || key in this.tab.problems;
  }

  // What is missing now; another run under way is stopped.
  start() {
    this.stop();
    this.tries = 0;
    this.next();
  }

  next() {
    const references = this.tab.plan.cells.map(({ reference }) => reference).filter(Boolean);
    const missing = (keys) => keys.some((key) => !this.here(key));
    if (this.tries < TRIES && missing(this.keys)) this.begin("cells");
    else if (this.tries < TRIES && this.measures && missing(references)) this.begin("references");
    else this.end();
  }

  begin(what) {
    if (this.what !== what) this.tries = 0;
    this.tries++;
    Object.assign(this, { what, name: Math.random().toString(36).slice(2) });
    const all = what === "cells" ? this.keys : this.tab.plan.cells.map(({ reference }) => reference).filter(Boolean);
    this.send({ ...this.tab.values, run: this.name, what, skip: all.filter((key) => this.here(key)) });
    this.onChange();
  }

  // message: { run, cells }, { run, over } or { run, error }.
  receive({ run, cells = [], over, error }) {
    for (const cell of cells) {
      if (!cell.problem) this.tab.kept.put(cell);
      else if (run === this.name) this.tab.problems[cell.key] = cell.problem;
    }
    if (run !== this.name) return;
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
