// The runs of this visit, as thumbnails, the newest first. Kept in the session's storage, so that they outlive a reload
// and end with the visit.

const KEY = "digit-diffusion-lab-history";
const MOST = 24;
const SIDE = 112; // pixels of a thumbnail, at most

export class History extends EventTarget {
  // storage: a function that returns sessionStorage, or throws.
  constructor(storage = () => sessionStorage) {
    super();
    this.storage = storage;
    this.entries = read(storage); // { tab, values, picture: a data URL }
  }

  // The same settings once more are the same entry, which becomes the newest.
  add(tab, values, picture) {
    const same = (entry) => entry.tab === tab && JSON.stringify(entry.values) === JSON.stringify(values);
    this.entries = [{ tab, values, picture }, ...this.entries.filter((entry) => !same(entry))].slice(0, MOST);
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
    return Array.isArray(kept) ? kept.filter(isEntry).slice(0, MOST) : [];
  } catch {
    return [];
  }
}

function isEntry(entry) {
  const { tab, values, picture } = entry ?? {};
  return typeof tab === "string" && values && typeof values === "object" && String(picture).startsWith("data:image/");
}

// What sets an entry apart from the one before it: [name, value] of a setting; of several the first that is no seed.
export function difference({ tab, values }, before) {
  const changed = Object.keys(values).filter((name) => tab !== before?.tab || values[name] !== before.values[name]);
  const name = (before ? changed : ["label", ...changed]).find((each) => each !== "seed") ?? changed[0] ?? "label";
  return [name, values[name] ?? ""];
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
