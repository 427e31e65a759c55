// The state of a player, and all that can happen to it. What is on the screen is derived from it (view.js).

import { Playback } from "./playback.js";
import { decoded, noiseShare, Run } from "./run.js";

// A player is always in one of these phases, which its root element has as data-phase:
//
//   example   at rest: a run that the server has prepared is on show, or on its way
//   waiting   a run was begun, and nothing of it has come
//   running   its messages are coming
//   finished  it is complete
//   stopped   it was stopped on its way, and what has come of it stays
//   live      a sheet of live sampling is on show
//   failed    something went wrong, which `error` says; the run before, if any, stays
//   idle      a run was stopped before anything of it came
//
//            begin            first message         last message
//   (any) ----------> waiting -------------> running -----------> finished
//                        | stop: idle           | stop: stopped
//                        +--- fail: failed -----+

const EXAMPLE = "example"; // the name of the server's own run

export class PlayerState extends EventTarget {
  // calm: whether an example is shown finished, instead of played; makeRun(message): the run of a first message.
  // Dispatches "change", and "replace" before the pictures of a run are freed.
  constructor({ playback = new Playback(), calm = false, makeRun = (message) => new Run(message) } = {}) {
    super();
    Object.assign(this, { calm, makeRun });
    this.phase = "example";
    this.run = null; // the run on show
    this.awaited = null; // the name of the run of which nothing has come yet
    this.heard = 0; // when the last message came
    this.error = ""; // a sentence
    this.back = null; // what the model is called that has come back after live sampling, until something is sampled
    this.ahead = 0; // how many are ahead in the queue
    this.waitsLong = false;
    this.view = "both"; // "x", "x0" or "both"
    this.enlarged = null; // the index of the one image on show, or null
    this.smooth = false; // whether pixels are smoothed
    this.saving = false; // whether a GIF is being written
    this.held = false; // while several changes are made at once
    this.onMove = () => this.changed();
    this.playback = playback;
    playback.join(this);
    playback.addEventListener("change", this.onMove);
  }

  // ---- what follows from it -----------------------------------------------------------------------------------------

  get busy() {
    return this.phase === "waiting" || this.phase === "running";
  }

  get index() {
    return this.run ? this.run.indexAt(this.playback.position) : 0;
  }

  get frame() {
    return this.run ? this.run.frames[this.index] : null;
  }

  // Whether the last frame of a complete run is on show.
  get atEnd() {
    return this.run !== null && this.run.done && this.index === this.run.last;
  }

  get awaitsExample() {
    return this.phase === "example" && this.run === null;
  }

  // How noisy the frame on show is, from "pure" to "clean": the key of what is said about it.
  get noiseLevel() {
    if (this.frame.sigma === 0 || this.atEnd) return "clean";
    const share = noiseShare(this.frame);
    return share > 0.985 ? "pure" : share > 0.7 ? "mostly_noise" : share > 0.25 ? "shape" : "detail";
  }

  // ---- a run, from its beginning to its end -------------------------------------------------------------------------

  begin(name) {
    Object.assign(this, { phase: "waiting", awaited: name, error: "", back: null, ahead: 0, waitsLong: false });
    if (this.run) this.run.discarded = true;
    this.changed();
  }

  // What is known of a run that waits: how many are ahead of it.
  wait({ ahead = this.ahead, long = this.waitsLong }) {
    Object.assign(this, { ahead, waitsLong: long });
    this.changed();
  }

  receive(message) {
    this.heard = performance.now();
    if (message.error) return this.refuse(message);
    const known = this.run !== null && this.run.name === message.run;
    const wanted = message.run === EXAMPLE ? this.awaitsExample : message.run === this.awaited;
    if (known ? this.run.discarded : !wanted) return; // it was stopped, or another run was begun before it came
    this.atOnce(() => {
      if (known) this.run.take(message);
      else this.show(message);
      if (this.run.done && !this.run.example) this.phase = this.run.live ? "live" : "finished";
    });
    const ends = this.phase === "finished" && this.playback.mode === "follow";
    if (ends) this.playback.catchUp(); // the last picture does not wait for its turn
  }

  // The message of a run that cannot go on.
  refuse({ run, error }) {
    const known = this.run !== null && this.run.name === run && !this.run.discarded;
    if (!known && !(run === EXAMPLE ? this.awaitsExample : run === this.awaited)) return;
    this.playback.pause();
    this.fail(error);
  }

  // A finished sheet that nobody has begun.
  receiveLive(message) {
    Object.assign(this, { awaited: message.run, back: null });
    this.receive(message);
  }

  // The first message of a run takes the place of the run before.
  show(message) {
    const before = this.run;
    this.replaceRun(this.makeRun(message));
    this.awaited = null;
    if (this.enlarged >= this.run.shape.count) this.enlarged = null;
    if (message.live) {
      const alike = before?.live && before.total === message.total;
      if (!alike) this.playback.moveTo(1); // else who looks at a step goes on looking at that one
      this.error = "";
      this.playback.pause();
    } else if (message.example) {
      this.playback.moveTo(this.calm ? 1 : 0);
      if (!this.calm) this.playback.play();
    } else {
      this.phase = "running";
      this.playback.restart(this);
      this.playback.follow();
    }
  }

  stop() {
    if (!this.busy) return;
    const running = this.phase === "running";
    if (running) this.run.discarded = true;
    Object.assign(this, { phase: running ? "stopped" : "idle", awaited: null });
    this.changed();
  }

  fail(error) {
    Object.assign(this, { phase: "failed", awaited: null, error });
    this.changed();
  }

  // Live sampling was switched off: what it has left on show is an ordinary run. back: see above.
  endLive(back = null) {
    this.back = back;
    if (this.phase === "failed") this.error = "";
    const resting = !this.run ? "idle" : this.run.example ? "example" : "finished";
    if (this.phase === "failed" || this.phase === "live") this.phase = resting;
    this.changed();
  }

  // A run of an earlier visit, by its messages.
  restore([first, ...others]) {
    this.replaceRun(this.makeRun(first));
    for (const message of others) this.run.take(message);
    this.run.discarded = !this.run.done;
    this.phase = this.run.done ? "finished" : "stopped";
    this.playback.moveTo(1);
    this.changed();
  }

  // Nobody looks at it any more.
  close() {
    this.playback.leave(this);
    this.playback.removeEventListener("change", this.onMove);
    this.run?.close();
    Object.assign(this, { run: null, phase: "idle" });
  }

  replaceRun(run) {
    if (this.run) this.dispatchEvent(new Event("replace"));
    this.run?.close();
    this.run = run;
  }

  // ---- looking at it ------------------------------------------------------------------------------------------------

  play() {
    if (this.run) this.playback.play();
  }

  pause() {
    this.playback.pause();
  }

  goTo(index) {
    if (!this.run) return;
    this.playback.pause();
    this.playback.moveTo(this.run.positionOf(index));
  }

  goToStep(step) {
    if (this.run) this.goTo(this.run.indexAt(this.run.placeOf(step)));
  }

  setView(view) {
    this.view = view;
    this.changed();
  }

  // One image alone by its index, or all (null).
  enlarge(index) {
    if (!this.run) return;
    const { count } = this.run.shape;
    this.enlarged = index === null ? null : (index + count) % count;
    this.changed();
  }

  setSmooth(smooth) {
    this.smooth = smooth;
    this.changed();
  }

  setSaving(saving) {
    this.saving = saving;
    this.changed();
  }

  // Have the next frames decoded before their turn.
  decodeAhead(count) {
    if (!this.run) return;
    for (const frame of this.run.frames.slice(this.index, this.index + count + 1)) decoded(frame);
  }

  changed() {
    if (!this.held) this.dispatchEvent(new Event("change"));
  }

  // Several changes that are seen as one.
  atOnce(change) {
    this.held = true;
    try {
      change();
    } finally {
      this.held = false;
    }
    this.changed();
  }
}
