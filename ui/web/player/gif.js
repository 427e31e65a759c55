// An animated GIF (GIF89a), written in the browser so that the server keeps no frames.

const GREY = Array.from({ length: 256 }, (_, i) => [i, i, i]);
const COLOUR = Array.from({ length: 256 }, (_, i) =>
  i < 252 ? [51 * Math.floor(i / 42), Math.round(42.5 * (Math.floor(i / 6) % 7)), 51 * (i % 6)] : [0, 0, 0]);

const word = (value) => [value & 255, value >> 8]; // little-endian

export class GifWriter {
  // grey: whether the palette is 256 greys; else it is 252 colours, 6 x 7 x 6 levels of red, green and blue.
  constructor(width, height, grey) {
    this.width = width;
    this.height = height;
    this.grey = grey;
    const header = [...new TextEncoder().encode("GIF89a"), ...word(width), ...word(height), 0xf7, 0, 0];
    const palette = (grey ? GREY : COLOUR).flat();
    const forever = [0x21, 0xff, 11, ...new TextEncoder().encode("NETSCAPE2.0"), 3, 1, 0, 0, 0];
    this.parts = [Uint8Array.from([...header, ...palette, ...forever])];
  }

  // pixels: RGBA bytes of one frame; hundredths: how long it stands, in 1/100 s.
  add(pixels, hundredths) {
    const indices = new Uint8Array(this.width * this.height);
    for (let i = 0, p = 0; i < indices.length; i++, p += 4) {
      indices[i] = this.grey
        ? pixels[p + 1]
        : 42 * Math.round(pixels[p] / 51) + 6 * Math.round(pixels[p + 1] / 42.5) + Math.round(pixels[p + 2] / 51);
    }
    this.parts.push(Uint8Array.from([
      0x21, 0xf9, 4, 0, ...word(hundredths), 0, 0,
      0x2c, 0, 0, 0, 0, ...word(this.width), ...word(this.height), 0, 8,
    ]));
    this.parts.push(lzw(indices));
  }

  // The file, in parts.
  finish() {
    return [...this.parts, Uint8Array.of(0x3b)];
  }
}

// Variable-width LZW of 8-bit indices, cut into blocks of at most 255 bytes and ended by an empty one.
function lzw(indices) {
  const CLEAR = 256;
  const blocks = [];
  let block = [];
  let bits = 0;
  let held = 0;
  let width = 9;
  let next = 258;
  let table = new Map(); // code of a prefix * 256 + the next index -> code
  const emit = (code) => {
    bits |= code << held;
    held += width;
    while (held >= 8) {
      block.push(bits & 255);
      bits >>>= 8;
      held -= 8;
      if (block.length === 255) {
        blocks.push(255, ...block);
        block = [];
      }
    }
  };
  emit(CLEAR);
  let prefix = indices[0];
  for (let i = 1; i < indices.length; i++) {
    const key = prefix * 256 + indices[i];
    const known = table.get(key);
    if (known !== undefined) {
      prefix = known;
      continue;
    }
    emit(prefix);
    if (next < 4096) {
      table.set(key, next);
      if (next === 1 << width) width++;
      next++;
    } else {
      emit(CLEAR);
      table = new Map();
      next = 258;
      width = 9;
    }
    prefix = indices[i];
  }
  emit(prefix);
  emit(257); // end of information
  if (held > 0) block.push(bits & 255);
  if (block.length) blocks.push(block.length, ...block);
  blocks.push(0);
  return Uint8Array.from(blocks);
}
