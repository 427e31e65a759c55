// A run as the browser knows it: its frames in the order of their steps, as they arrive in messages (ui/player.py).

import { bytesOf } from "../dom.js";

export class Run {
  constructor(message) {
    this.name = message.run;
    this.frames = []; // { step, t, alpha, sigma, seconds, x, x0 }
    this.messages = []; // all that it is made of
    this.result = null; // { png, labels, classifications } once it is done
    this.input = null; // the small images that are enlarged, where the model does that
    this.discarded = false; // whatever still comes is not taken
    this.holders = 0; // those who still need its pictures
    this.closed = false;
    this.take(message);
  }

  // Put a message's frames in their places; a frame that is already here is left alone.
  take(message) {
    this.messages.push(message);
    const { example, live, label, seed, total, step, seconds, count, size, columns, settings, names } = message;
    Object.assign(this, { example, live, label, seed, total, step, seconds, settings, names });
    this.shape = { count, size, columns: columns ?? Math.ceil(Math.sqrt(count)) };
    const known = new Set(this.frames.map((frame) => frame.step));
    for (const [step, t, alpha, sigma, x, x0] of message.frames) {
      if (known.has(step)) continue;
      const noisy = new Picture(x);
      this.frames.push({ step, t, alpha, sigma, seconds, x: noisy, x0: x0 === x ? noisy : new Picture(x0) });
    }
    this.frames.sort((a, b) => a.step - b.step);
    if (message.input) this.input = new Picture(message.input);
    if (message.result) this.result = message.result;
  }

  get last() {
    return this.frames.length - 1;
  }

  get done() {
    return this.result !== null;
  }

  // The setting that says which of its steps is on show (ui/sharing/views.py).
  get stepSetting() {
    return "step";
  }

  // The finished images as a PNG, which carries the run's settings.
  get png() {
    return bytesOf(this.result.png);
  }

  // Where it begins to be seen, 0 to 1: at its first step.
  get beginning() {
    return 0;
  }

  // How far along the run a step is, 0 to 1.
  placeOf(step) {
    return this.total ? step / this.total : 0;
  }

  // How far along the run a frame is, 0 to 1.
  positionOf(index) {
    return this.placeOf(this.frames[Math.max(0, Math.min(this.last, index))].step);
  }

  // The frame at a position: the last one that is not beyond it.
  indexAt(position) {
    const reached = position + 1e-9; // a position is a rounded quotient
    let index = 0;
    while (index < this.last && this.placeOf(this.frames[index + 1].step) <= reached) index++;
    return index;
  }

  // For each image the label that an independent classifier predicts; null where there is no such classifier.
  get badges() {
    const badge = ([text, confidence], i) => ({
      text,
      detail: `${Math.floor(confidence * 100)}%`,
      right: this.result.labels[i] === "" ? null : text === this.result.labels[i],
    });
    return this.result?.classifications?.map(badge) ?? null;
  }

  // Keep the pictures, whatever happens, until they are released.
  hold() {
    this.holders++;
  }

  release() {
    this.holders--;
    if (this.closed) this.close();
  }

  // Free the memory of the pictures, at once or when they are released.
  close() {
    this.closed = true;
    if (this.holders > 0) return;
    for (const { x, x0 } of this.frames) for (const picture of [x, x0]) picture.bitmap?.close();
    this.input?.bitmap?.close();
  }
}

// A PNG that is decoded when somebody waits for it; `bitmap` is null until then.
export class Picture {
  constructor(base64) {
    this.base64 = base64;
    this.bitmap = null;
    this.decoding = null;
  }

  get png() {
    return bytesOf(this.base64);
  }

  get ready() {
    this.decoding ||= createImageBitmap(new Blob([this.png], { type: "image/png" })).then((bitmap) => {
      this.bitmap = bitmap;
    });
    return this.decoding;
  }
}

// A promise that both pictures of a frame are decoded.
export function decoded({ x, x0 }) {
  return Promise.all([x.ready, x0.ready]);
}

// How much of a frame is noise, as a share of the variance: 0 to 1.
export function noiseShare({ alpha, sigma }) {
  return sigma ** 2 / (alpha ** 2 + sigma ** 2);
}
