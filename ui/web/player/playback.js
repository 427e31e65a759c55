// Where a player is in its run, and how that moves on. Players that share a Playback show the same moment of their
// runs, whatever their numbers of steps: they scrub and play together.
//
// Modes: "rest"; "play", frame by frame through what is there; "follow", after a computation as its frames come.

const FOLLOW_INTERVAL = 120; // ms that a frame stands at least while a computation is followed: eight a second
const DRAWING_SHARE = 1 / 8; // of the time, at most, for the pictures of a computation: drawing may take its cores
const LOOP_PAUSE = 1200; // ms that a film stands at its end
const AHEAD = 8; // frames decoded before their turn
const SCREEN = 8; // ms, half a frame of the screen

// Calls `look(now)` with the first frame of the screen after so many ms. Returns a function that cancels it.
function afterPause(ms, look) {
  const timer = setTimeout(() => requestAnimationFrame(look), Math.max(0, ms - SCREEN));
  return () => clearTimeout(timer);
}

export class Playback extends EventTarget {
  // schedule(ms, look): calls look(now) after a pause, returns a function that cancels it.
  constructor(schedule = afterPause, now = () => performance.now()) {
    super();
    Object.assign(this, { schedule, now });
    this.mode = "rest";
    this.position = 0; // 0 is pure noise, 1 the end of the run
    this.loop = false;
    this.speed = 1;
    this.members = new Set(); // the states of the players
    this.moved = 0; // when the position changed last
    this.drawing = 0; // ms that a frame takes from being wanted to being drawn, smoothed
    this.cancel = () => {};
  }

  // ---- transitions --------------------------------------------------------------------------------------------------

  play() {
    if (!this.leader) return;
    if (this.index === this.leader.run.last) this.moveTo(0);
    this.start("play");
  }

  // Follow what is being computed, from where it is now.
  follow() {
    this.start("follow");
  }

  pause() {
    if (this.mode === "rest") return;
    this.mode = "rest";
    this.cancel();
    this.changed();
  }

  moveTo(position) {
    this.position = Math.max(0, Math.min(1, position));
    this.changed();
  }

  // A member has a new run: everyone begins anew, where that does, unless the others are being followed.
  restart(state) {
    const others = [...this.members].some((other) => other !== state && other.busy);
    if (!(others && this.mode === "follow")) this.moveTo(state.run.beginning);
  }

  set({ loop = this.loop, speed = this.speed }) {
    Object.assign(this, { loop, speed });
    this.changed();
  }

  // A player has drawn the frame that it wanted so many ms ago.
  drew(ms) {
    this.drawing += (ms - this.drawing) / 4;
  }

  // ---- who plays ----------------------------------------------------------------------------------------------------

  join(state) {
    this.members.add(state);
  }

  leave(state) {
    this.members.delete(state);
    if (!this.leader) this.pause();
  }

  // The member whose frames are counted: the one that has most.
  get leader() {
    const most = (best, state) => (state.run && state.run.last > (best?.run.last ?? -1) ? state : best);
    return [...this.members].reduce(most, null);
  }

  get index() {
    return this.leader.run.indexAt(this.position);
  }

  // ---- time ---------------------------------------------------------------------------------------------------------

  start(mode) {
    const resting = this.mode === "rest";
    this.mode = mode;
    this.changed();
    if (!resting) return;
    this.moved = this.now();
    this.wake(0);
  }

  wake(ms) {
    this.cancel();
    this.cancel = this.schedule(ms, (now) => this.tick(now));
  }

  tick(now) {
    if (this.mode === "rest" || !this.leader) return;
    if (this.mode === "follow") this.catchUp(now);
    else if (this.index === this.leader.run.last) this.rewind(now);
    else this.advance(now);
  }

  // Towards the newest frame, in larger strides the further it is ahead, and straight to the end once that is there.
  catchUp(now = this.now()) {
    const { leader, index } = this;
    const behind = leader.run.last - index;
    const over = ![...this.members].some((state) => state.busy);
    if (behind === 0 && over) return this.pause();
    if (behind > 0 && (over || now - this.moved >= this.interval - SCREEN)) {
      this.moved = now;
      this.moveTo(leader.run.positionOf(over ? leader.run.last : index + Math.ceil(behind / 2)));
    }
    this.wake(this.interval);
  }

  rewind(now) {
    if (!this.loop) return this.pause();
    if (now - this.moved > LOOP_PAUSE) {
      this.moved = now;
      this.moveTo(0);
    }
    this.wake(this.pauseOfFrame);
  }

  advance(now) {
    const { run } = this.leader;
    const frames = Math.min(4, Math.floor((now - this.moved) / this.pauseOfFrame));
    if (frames > 0) {
      this.moved = now;
      this.moveTo(run.positionOf(this.index + frames));
    }
    for (const state of this.members) state.decodeAhead(AHEAD);
    this.wake(this.pauseOfFrame - (now - this.moved));
  }

  get interval() {
    return Math.max(FOLLOW_INTERVAL, this.drawing / DRAWING_SHARE);
  }

  // ms that a frame stands: a run of 20 steps takes about 2 s, one of 120 frames about 5 s.
  get pauseOfFrame() {
    return Math.max(42, 100 - this.leader.run.frames.length) / this.speed;
  }

  changed() {
    this.dispatchEvent(new Event("change"));
  }
}
