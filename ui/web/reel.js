// The frames of one run, in order of their step, as they arrive.

class Reel {
  constructor(message) {
    this.run = message.run;
    this.frames = [];
    this.messages = []; // all that it is made of
    this.result = null;
    this.input = null; // the small images that are enlarged, where the model does that
    this.stopped = false;
    this.kept = false; // something still needs the pictures
    this.take(message);
  }

  // Put a message's frames in their places; a frame that is already here is left alone.
  take(message) {
    this.messages.push(message);
    Object.assign(this, {
      example: message.example, live: message.live, label: message.label, seed: message.seed, total: message.total,
      step: message.step, seconds: message.seconds,
    });
    this.shape = { count: message.count, size: message.size, columns: Math.ceil(Math.sqrt(message.count)) };
    const known = new Set(this.frames.map((frame) => frame.step));
    for (const [step, t, alpha, sigma, x, x0] of message.frames) {
      if (known.has(step)) continue;
      const pictures = { x: new Picture(x) };
      pictures.x0 = x0 === x ? pictures.x : new Picture(x0);
      this.frames.push({ step, t, alpha, sigma, seconds: message.seconds, ...pictures });
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

  // For each image what the classifier reads in it, or null where the model's pictures are none of its business.
  get badges() {
    if (!this.result || !this.result.readings) return null;
    return this.result.readings.map(([text, confidence], i) => ({
      text,
      detail: `${Math.floor(confidence * 100)}%`,
      right: this.result.labels[i] === "" ? null : text === this.result.labels[i],
    }));
  }

  close() {
    if (this.kept) return;
    const pictures = this.frames.flatMap((frame) => [frame.x, frame.x0]);
    if (this.input) pictures.push(this.input);
    for (const { bitmap } of pictures) if (bitmap) bitmap.close();
  }
}

// A PNG that becomes a bitmap when somebody waits for it to be ready; `bitmap` is null until then.
class Picture {
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

// A promise that both pictures of a frame can be drawn; it has them decoded.
function ready({ x, x0 }) {
  return Promise.all([x.ready, x0.ready]);
}
