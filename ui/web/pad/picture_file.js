// A picture from a file, as it would have been drawn: white on black, whole, in the middle.

import { SIDE } from "./sheet.js";

const MAX_BYTES = 20_000_000;
const BRIGHT = 127; // a border that is brighter is paper: then ink is dark

// Returns a canvas of SIDE x SIDE. Throws where the file is no picture that this browser can read, or is too large.
export async function pictureOf(file) {
  if (file.size > MAX_BYTES) throw new Error("too large");
  const bitmap = await createImageBitmap(file);
  const canvas = Object.assign(document.createElement("canvas"), { width: SIDE, height: SIDE });
  const pen = canvas.getContext("2d", { willReadFrequently: true });
  const scale = SIDE / Math.max(bitmap.width, bitmap.height);
  const [width, height] = [bitmap.width * scale, bitmap.height * scale];
  const box = [(SIDE - width) / 2, (SIDE - height) / 2, width, height];
  pen.fillStyle = "#fff"; // what is transparent is paper
  pen.fillRect(...box);
  pen.drawImage(bitmap, ...box);
  bitmap.close();
  const image = pen.getImageData(0, 0, SIDE, SIDE);
  const inside = ([left, top, right, bottom]) => (x, y) => x >= left && x < right && y >= top && y < bottom;
  const edges = [Math.ceil(box[0]), Math.ceil(box[1]), Math.floor(box[0] + width), Math.floor(box[1] + height)];
  const within = inside(edges);
  const grey = (x, y) => {
    const p = 4 * (y * SIDE + x);
    return 0.299 * image.data[p] + 0.587 * image.data[p + 1] + 0.114 * image.data[p + 2];
  };
  const paper = border(edges, grey) > BRIGHT;
  for (let y = 0; y < SIDE; y++) {
    for (let x = 0; x < SIDE; x++) {
      const value = within(x, y) ? (paper ? 255 - grey(x, y) : grey(x, y)) : 0;
      image.data.fill(value < 16 ? 0 : value, 4 * (y * SIDE + x), 4 * (y * SIDE + x) + 3);
    }
  }
  pen.putImageData(image, 0, 0);
  return canvas;
}

// The mean along the edges of a box.
function border([left, top, right, bottom], grey) {
  let [sum, count] = [0, 0];
  const add = (x, y) => { sum += grey(x, y); count++; };
  for (let x = left; x < right; x++) { add(x, top); add(x, bottom - 1); }
  for (let y = top; y < bottom; y++) { add(left, y); add(right - 1, y); }
  return sum / Math.max(1, count);
}
