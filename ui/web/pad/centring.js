// How MNIST's digits came to be what they are: scaled into a box of 20x20 pixels with their proportions kept, in grey levels,
// and put into the middle of 28x28 by their centre of mass (LeCun et al. 1998; yann.lecun.com/exdb/mnist).

export const SIZE = 28;
const BOX = 20;

// bytes (height x width, white on black) -> SIZE x SIZE bytes; all black where nothing is drawn.
export function centred(bytes, width, height) {
  const ink = inkBox(bytes, width, height);
  if (!ink) return new Uint8Array(SIZE * SIZE);
  const scale = BOX / Math.max(ink.width, ink.height);
  const columns = Math.max(1, Math.round(ink.width * scale));
  const rows = Math.max(1, Math.round(ink.height * scale));
  const small = resampled(bytes, width, ink, columns, rows);
  const mass = centreOfMass(small, columns, rows);
  const left = Math.round(SIZE / 2 - mass.x); // the middle of MNIST's digits is in the middle of pixel 14, counted from 0
  const top = Math.round(SIZE / 2 - mass.y);
  const field = new Uint8Array(SIZE * SIZE);
  for (let y = 0; y < rows; y++) {
    for (let x = 0; x < columns; x++) {
      const [to, down] = [left + x, top + y];
      if (to >= 0 && to < SIZE && down >= 0 && down < SIZE) field[down * SIZE + to] = Math.round(small[y * columns + x]);
    }
  }
  return field;
}

// The whole picture, as it lies.
export function shrunk(bytes, width, height) {
  return Uint8Array.from(resampled(bytes, width, { left: 0, top: 0, width, height }, SIZE, SIZE), Math.round);
}

function inkBox(bytes, width, height) {
  let [left, right, top, bottom] = [width, -1, height, -1];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (!bytes[y * width + x]) continue;
      left = Math.min(left, x);
      right = Math.max(right, x);
      top = Math.min(top, y);
      bottom = y;
    }
  }
  return right < 0 ? null : { left, top, width: right - left + 1, height: bottom - top + 1 };
}

// A part of a picture with other numbers of pixels: each is the mean of the area that it covers.
function resampled(bytes, width, part, columns, rows) {
  const across = shares(part.left, part.width, columns);
  const down = shares(part.top, part.height, rows);
  return Float64Array.from({ length: columns * rows }, (_, i) => {
    let sum = 0;
    for (const [y, high] of down[Math.floor(i / columns)]) {
      for (const [x, wide] of across[i % columns]) sum += high * wide * bytes[y * width + x];
    }
    return sum;
  });
}

// For each of `count` equal parts of a line the pixels that it covers, with their shares of it.
function shares(start, length, count) {
  const step = length / count;
  return Array.from({ length: count }, (_, i) => {
    const [from, to] = [i * step, (i + 1) * step];
    const covered = [];
    for (let pixel = Math.floor(from); pixel < Math.min(length, Math.ceil(to - 1e-9)); pixel++) {
      covered.push([start + pixel, (Math.min(to, pixel + 1) - Math.max(from, pixel)) / step]);
    }
    return covered;
  });
}

function centreOfMass(values, columns, rows) {
  let [sum, x, y] = [0, 0, 0];
  values.forEach((value, i) => {
    sum += value;
    x += value * (i % columns);
    y += value * Math.floor(i / columns);
  });
  return sum ? { x: x / sum, y: y / sum } : { x: (columns - 1) / 2, y: (rows - 1) / 2 };
}
