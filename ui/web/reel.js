// The frames of one run, in order of their step, as they arrive.

class Reel {
  constructor(message) {
    this.run = message.run;
    this.frames = [];
    this.result = null;
    this.input = null; // the small images that are enlarged, where the model does that
    this.failed = false;
    this.stopped = false;
    this.take(message);
  }

  // Put a message's frames in their places; a frame that is already here is left alone.
  take(message) {
    Object.assign(this, {
      example: message.example, label: message.label, seed: message.seed, total: message.total,
      step: message.step, seconds: message.seconds,
    });
    this.shape = { count: message.count, size: message.size, columns: Math.ceil(Math.sqrt(message.count)) };
    const known = new Set(this.frames.map((frame) => frame.step));
    for (const [step, t, alpha, sigma, x, x0] of message.frames) {
      if (known.has(step)) continue;
      this.frames.push({ step, t, alpha, sigma, seconds: message.seconds, x: picture(x), x0: picture(x0) });
    }
    this.frames.sort((a, b) => a.step - b.step);
    if (message.input) this.input = picture(message.input);
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
    const pictures = this.frames.flatMap((frame) => [frame.x, frame.x0]);
    if (this.input) pictures.push(this.input);
    for (const { bitmap } of pictures) if (bitmap) bitmap.close();
  }
}

// A PNG on its way to a bitmap: { png, bitmap (null until decoded), ready (a promise) }.
function picture(base64) {
  const made = { png: bytesOf(base64), bitmap: null };
  made.ready = createImageBitmap(new Blob([made.png], { type: "image/png" })).then((bitmap) => {
    made.bitmap = bitmap;
  });
  return made;
}
