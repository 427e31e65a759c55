// What has been computed on this visit: cells by their keys, the last ones used, as many as a bound allows.

const MOST = 80e6; // characters of their messages

export class Kept {
  constructor(most = MOST) {
    this.most = most;
    this.size = 0;
    this.cells = new Map();
  }

  has(key) {
    return this.cells.has(key);
  }

  get(key) {
    const kept = this.cells.get(key);
    if (!kept) return null;
    this.cells.delete(key); // to the end of the order
    this.cells.set(key, kept);
    return kept.cell;
  }

  put(cell) {
    if (this.cells.has(cell.key)) return;
    const size = JSON.stringify(cell).length;
    this.cells.set(cell.key, { cell, size });
    this.size += size;
    for (const [key, kept] of this.cells) {
      if (this.size <= this.most || key === cell.key) break;
      this.cells.delete(key);
      this.size -= kept.size;
    }
  }
}
