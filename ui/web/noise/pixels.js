// Pictures of 28x28 pixels, and the numbers that they are made of.

import { bytesOf } from "../dom.js";

export const SIZE = 28;
export const PIXELS = SIZE * SIZE;

export function floatsOf(base64) {
  return new Float32Array(bytesOf(base64).buffer);
}

// A digit's bytes as the model's process has them: from -1 to 1, and wholly black pixels at `darkest`.
export function asImage(bytes, darkest) {
  return Float32Array.from(bytes, (byte) => (byte ? byte / 127.5 - 1 : darkest));
}

// x_t = alpha x_0 + sigma eps.
export function noisy(image, noise, { alpha, sigma }) {
  return image.map((pixel, i) => alpha * pixel + sigma * noise[i]);
}

// x_t at the spread of a variance-preserving process, as networks get it.
export function scaled(x, { alpha, sigma }) {
  const factor = 1 / Math.hypot(alpha, sigma);
  return x.map((pixel) => pixel * factor);
}

export function bytesOfImage(image) {
  return Uint8ClampedArray.from(image, (pixel) => (pixel + 1) * 127.5);
}

export function paint(canvas, bytes) {
  const pen = canvas.getContext("2d");
  const picture = pen.createImageData(SIZE, SIZE);
  for (let i = 0; i < PIXELS; i++) {
    picture.data.fill(bytes[i], 4 * i, 4 * i + 3);
    picture.data[4 * i + 3] = 255;
  }
  pen.putImageData(picture, 0, 0);
}

// How many of the values lie in each of `count` bins from low to high, as a density.
export function histogram(values, { low, high, count }) {
  const width = (high - low) / count;
  const bins = new Float32Array(count);
  for (const value of values) {
    const bin = Math.floor((value - low) / width);
    if (bin >= 0 && bin < count) bins[bin] += 1 / (values.length * width);
  }
  return bins;
}
