// How far a run's images are from those that it approaches: the root mean square difference of their pixels, black
// being 0 and white 1.

import { bytesOf } from "../dom.js";

export async function distance(cell, reference) {
  const [mine, theirs] = await Promise.all([pixelsOf(cell), pixelsOf(reference)]);
  const { count, size, columns } = shapeOf(cell.message);
  const pitch = count > 1 ? size + 2 : size; // gutters of the sheet
  let sum = 0;
  for (let i = 0; i < count; i++) {
    const [left, top] = [(i % columns) * pitch, Math.floor(i / columns) * pitch];
    for (let y = top; y < top + size; y++) {
      for (let p = 4 * (y * mine.width + left); p < 4 * (y * mine.width + left + size); p += 4) {
        for (let channel = 0; channel < 3; channel++) sum += ((mine.data[p + channel] - theirs.data[p + channel]) / 255) ** 2;
      }
    }
  }
  return Math.sqrt(sum / (3 * count * size * size));
}

async function pixelsOf({ message }) {
  const bitmap = await createImageBitmap(new Blob([bytesOf(message.result.png)], { type: "image/png" }));
  const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
  const pen = canvas.getContext("2d");
  pen.drawImage(bitmap, 0, 0);
  bitmap.close();
  return pen.getImageData(0, 0, canvas.width, canvas.height);
}

function shapeOf({ count, columns, result }) {
  return { count, columns: columns ?? Math.ceil(Math.sqrt(count)), size: result.size };
}
