// What was seen on this visit, as thumbnails, the newest first. Kept in the session's storage, so that it outlives a
// reload and ends with the visit.

const KEY = "digit-diffusion-lab-history";
const MOST = 24; // of each tab
const SIDE = 112; // pixels of a thumbnail, at most

export class History extends EventTarget {
  // storage: a function that returns sessionStorage, or throws.
  constructor(storage = () => sessionStorage) {
    super();
    this.storage = storage;
    this.entries = read(storage); // { tab, values, picture: a data URL }
  }

  // The same settings once more are the same entry, which becomes the newest. moving: the names of those that only lead
  // to another place of the same view.
  add(tab, values, picture, moving = []) {
    const same = this.entries.find((entry) => entry.tab === tab && alike(entry.values, values, moving));
    const newest = Object.assign(same ?? {}, { tab, values, picture });
    this.entries = bounded([newest, ...this.entries.filter((entry) => entry !== newest)]);
    this.changed();
  }

  clear() {
    this.entries = [];
    this.changed();
  }

  // As many as the storage has room for.
  changed() {
    for (let kept = this.entries; kept.length; kept = kept.slice(0, -1)) {
      try {
        this.storage().setItem(KEY, JSON.stringify(kept));
        break;
      } catch {
        // closed, or too small
      }
    }
    if (!this.entries.length) this.forget();
    this.dispatchEvent(new Event("change"));
  }

  forget() {
    try {
      this.storage().removeItem(KEY);
    } catch {
      // closed
    }
  }
}

function read(storage) {
  try {
    const kept = JSON.parse(storage().getItem(KEY));
    return Array.isArray(kept) ? bounded(kept.filter(isEntry)) : [];
  } catch {
    return [];
  }
}

function bounded(entries) {
  const counts = {};
  return entries.filter(({ tab }) => (counts[tab] = (counts[tab] ?? 0) + 1) <= MOST);
}

// Whether values by name mean the same: 3 is "3", and what is blank is not given.
function alike(a, b, moving) {
  const names = Object.keys({ ...a, ...b }).filter((name) => !moving.includes(name));
  return names.every((name) => String(a[name] ?? "") === String(b[name] ?? ""));
}

function isEntry(entry) {
  const { tab, values, picture } = entry ?? {};
  return typeof tab === "string" && values && typeof values === "object" && String(picture).startsWith("data:image/");
}

// A picture, made small, as a data URL.
export function thumbnail(picture) {
  const scale = Math.min(1, SIDE / Math.max(picture.width, picture.height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(picture.width * scale));
  canvas.height = Math.max(1, Math.round(picture.height * scale));
  canvas.getContext("2d").drawImage(picture, 0, 0, canvas.width, canvas.height);
  return canvas.toDataURL("image/png");
}
