// A run as an MP4, where the browser encodes video (WebCodecs).

import { Film } from "../player/film.js";
import { mp4 } from "./mp4.js";

const SIDE = 480; // pixels, about, of a pane
const LARGEST = 1920; // pixels of a side that every decoder of these levels takes
const BITRATE = 6_000_000; // a second: noise is what costs
const KEY_EVERY = 24; // frames
const CODECS = ["avc1.640028", "avc1.4d0028", "avc1.42e028", "vp09.00.40.08"]; // the first that there is; all play anywhere

// The settings of an encoder that the browser has for such pictures, or null.
async function encoderFor(width, height) {
  if (typeof VideoEncoder === "undefined" || Math.max(width, height) > LARGEST) return null;
  for (const codec of CODECS) {
    const config = { codec, width, height, bitrate: BITRATE, latencyMode: "quality", ...(codec.startsWith("avc1") && { avc: { format: "avc" } }) };
    const { supported } = await VideoEncoder.isConfigSupported(config).catch(() => ({ supported: false }));
    if (supported) return config;
  }
  return null;
}

// The parts of the file, or null where the browser cannot.
export async function encodeMp4(run, kinds, side = SIDE) {
  const film = await Film.of(run, kinds, side, true);
  const { width, height } = film.canvas;
  const config = await encoderFor(width, height);
  if (!config) return side > SIDE / 4 ? encodeMp4(run, kinds, side / 2) : null;
  const samples = [];
  let description;
  let failure = null;
  const encoder = new VideoEncoder({
    output: (chunk, metadata) => {
      const data = new Uint8Array(chunk.byteLength);
      chunk.copyTo(data);
      samples.push({ data, key: chunk.type === "key", at: chunk.timestamp });
      description ??= metadata?.decoderConfig?.description;
    },
    error: (error) => (failure = error),
  });
  encoder.configure(config);
  const seconds = [];
  for (let i = 0, time = 0; i < film.length && !failure; i++) {
    seconds.push(film.draw(i));
    const frame = new VideoFrame(film.canvas, { timestamp: Math.round(1e6 * time), duration: Math.round(1e6 * seconds[i]) });
    encoder.encode(frame, { keyFrame: i % KEY_EVERY === 0 });
    frame.close();
    time += seconds[i];
    await new Promise((resume) => setTimeout(resume)); // let the page do something else between two frames
  }
  await encoder.flush().catch((error) => (failure ??= error));
  if (encoder.state !== "closed") encoder.close();
  if (failure || samples.length !== film.length) return null;
  samples.forEach((sample, i) => (sample.seconds = seconds[i]));
  return mp4({ width, height, codec: config.codec, description: description && asBytes(description), samples });
}

function asBytes(source) {
  return ArrayBuffer.isView(source) ? new Uint8Array(source.buffer, source.byteOffset, source.byteLength) : new Uint8Array(source);
}
