// The settings that a picture of this program carries: JSON in a text chunk (PNG specification, 3rd edition, 11.3.3).
// Only the heads of chunks and that one are read, so that no file is too large, and nothing is decompressed.

const SIGNATURE = "\x89PNG\r\n\x1a\n";
const KEYWORD = "settings";
const HEAD = 33; // bytes of the signature and of the first chunk, IHDR
const MOST_CHUNKS = 2000; // before it
const LONGEST = 100_000; // bytes of it

export class NoSettings extends Error {} // its message is a key of words

// blob: a file. Returns settings by name; throws NoSettings.
export async function settingsOf(blob) {
  if (latin(await bytesAt(blob, 0, 8)) !== SIGNATURE) throw new NoSettings("share.no_png");
  let place = 8;
  for (let i = 0; i < MOST_CHUNKS; i++) {
    const head = await bytesAt(blob, place, 8);
    if (head.length < 8) throw new NoSettings("share.damaged_png");
    const length = new DataView(head.buffer).getUint32(0);
    const kind = latin(head.subarray(4));
    if (kind === "IEND") break;
    if (place + length + 12 > blob.size) throw new NoSettings("share.damaged_png");
    if ((kind === "iTXt" || kind === "tEXt") && length <= LONGEST) {
      const chunk = await bytesAt(blob, place + 4, length + 8);
      const text = textOf(kind, chunk.subarray(4, 4 + length));
      if (text !== null) {
        if (crc(chunk.subarray(0, 4 + length)) !== new DataView(chunk.buffer).getUint32(4 + length)) {
          throw new NoSettings("share.damaged_png");
        }
        return parsed(text);
      }
    }
    place += length + 12;
  }
  throw new NoSettings("share.no_settings");
}

// A PNG, as bytes, that carries these settings.
export function withSettings(png, settings) {
  const kindAndContent = new TextEncoder().encode(`iTXt${KEYWORD}\0\0\0\0\0${JSON.stringify(settings)}`);
  const chunk = new Uint8Array(kindAndContent.length + 8);
  const view = new DataView(chunk.buffer);
  view.setUint32(0, kindAndContent.length - 4);
  chunk.set(kindAndContent, 4);
  view.setUint32(chunk.length - 4, crc(kindAndContent));
  return joined(png.subarray(0, HEAD), chunk, png.subarray(HEAD));
}

// The text of a chunk with our keyword; null for any other.
function textOf(kind, content) {
  const end = content.indexOf(0);
  if (latin(content.subarray(0, end)) !== KEYWORD) return null;
  if (kind === "tEXt") return latin(content.subarray(end + 1));
  if (content[end + 1] !== 0) return null; // compressed, which ours never is
  const language = content.indexOf(0, end + 3);
  const translated = content.indexOf(0, language + 1);
  return language < 0 || translated < 0 ? null : new TextDecoder().decode(content.subarray(translated + 1));
}

function parsed(text) {
  let settings = null;
  try {
    settings = JSON.parse(text);
  } catch {
    // another program's
  }
  if (!settings || typeof settings !== "object" || Array.isArray(settings)) throw new NoSettings("share.no_settings");
  return settings;
}

function joined(...parts) {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let place = 0;
  for (const part of parts) {
    bytes.set(part, place);
    place += part.length;
  }
  return bytes;
}

async function bytesAt(blob, start, length) {
  return new Uint8Array(await blob.slice(start, start + length).arrayBuffer());
}

function latin(bytes) {
  return String.fromCharCode(...bytes);
}

function crc(bytes) {
  let sum = ~0;
  for (const byte of bytes) {
    sum ^= byte;
    for (let bit = 0; bit < 8; bit++) sum = sum & 1 ? (sum >>> 1) ^ 0xedb88320 : sum >>> 1;
  }
  return ~sum >>> 0;
}
