// An MP4 file of one video track (ISO/IEC 14496-12), with its index before its data, so that it plays while it loads.
//
//   mp4({ width, height, codec, description, samples })  ->  the file, in parts
//
// codec: as WebCodecs names it, "avc1..." or "vp09..."; description: the decoder's configuration, of avc1 alone;
// samples: [{ data, seconds, key }], in the order in which they are shown.

const SCALE = 90000; // units of time in a second
const MATRIX = [0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000].flatMap(u32); // neither moved nor turned

export function mp4({ width, height, codec, description, samples }) {
  const durations = samples.map(({ seconds }) => Math.round(SCALE * seconds));
  const duration = durations.reduce((sum, each) => sum + each, 0);
  const type = box("ftyp", text("isom"), u32(0x200), text("isom"), text("iso2"), text("mp41"));
  const index = (place) => box("moov",
    full("mvhd", 0, 0, u32(0), u32(0), u32(SCALE), u32(duration), u32(0x10000), u16(0x100), zeros(10), MATRIX, zeros(24), u32(2)),
    box("trak",
      full("tkhd", 0, 3, u32(0), u32(0), u32(1), u32(0), u32(duration), zeros(16), MATRIX, u32(width << 16), u32(height << 16)),
      box("mdia",
        full("mdhd", 0, 0, u32(0), u32(0), u32(SCALE), u32(duration), u16(0x55c4), u16(0)),
        full("hdlr", 0, 0, u32(0), text("vide"), zeros(12), text("video"), zeros(1)),
        box("minf",
          full("vmhd", 0, 1, zeros(8)),
          box("dinf", full("dref", 0, 0, u32(1), full("url ", 0, 1))),
          table(samples, durations, place, sampleEntry(width, height, codec, description))))));
  const start = type.length + index(0).length + 8; // of the data: an index is as long wherever it points
  const size = samples.reduce((sum, { data }) => sum + data.length, 0);
  return [...[type, index(start), [...u32(size + 8), ...text("mdat")]].map((part) => Uint8Array.from(part)),
    ...samples.map(({ data }) => data)];
}

// Which sample is where, how long, and from which one can start.
function table(samples, durations, place, entry) {
  const keys = samples.flatMap(({ key }, i) => (key ? [i + 1] : []));
  return box("stbl",
    full("stsd", 0, 0, u32(1), entry),
    full("stts", 0, 0, u32(durations.length), ...durations.map((each) => [...u32(1), ...u32(each)])),
    full("stss", 0, 0, u32(keys.length), ...keys.map(u32)),
    full("stsc", 0, 0, u32(1), u32(1), u32(samples.length), u32(1)),
    full("stsz", 0, 0, u32(0), u32(samples.length), ...samples.map(({ data }) => u32(data.length))),
    full("stco", 0, 0, u32(1), u32(place)));
}

function sampleEntry(width, height, codec, description) {
  const [kind, profile, level, depth] = codec.split(".");
  const configuration = kind === "avc1"
    ? box("avcC", description)
    : full("vpcC", 1, 0, [Number(profile), Number(level), (Number(depth) << 4) | 2, 2, 2, 2], u16(0)); // 4:2:0, colours unspecified 
  return box(kind, zeros(6), u16(1), zeros(16), u16(width), u16(height), u32(0x480000), u32(0x480000), u32(0), u16(1),
    zeros(32), u16(24), u16(0xffff), configuration);
}

function box(kind, ...parts) {
  const content = parts.flatMap((part) => [...part]);
  return [...u32(content.length + 8), ...text(kind), ...content];
}

// A box with a version and flags.
function full(kind, version, flags, ...parts) {
  return box(kind, u32((version << 24) | flags), ...parts);
}

function u32(value) {
  return [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255];
}

function u16(value) {
  return [(value >>> 8) & 255, value & 255];
}

function text(characters) {
  return [...characters].map((each) => each.charCodeAt(0));
}

function zeros(count) {
  return Array(count).fill(0);
}
