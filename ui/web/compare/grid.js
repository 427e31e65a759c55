// The grid: legends that stay in sight, and a cell for each run, which shows the moment that the grid is at.

import { linesAre } from "./costs.js";
import { SheetCanvas } from "../player/sheet_canvas.js";

const FEW = 4; // images, each of which has room for what it is classified as

export class Grid {
  // root: an empty element; onOpen(index): a cell was clicked; onPoint(index or null): one is pointed at.
  constructor(root, state, { words, onOpen, onPoint }) {
    Object.assign(this, { root, state, words, onOpen, onPoint });
    this.cells = [];
    state.addEventListener("change", () => this.draw());
    new ResizeObserver(() => this.draw(true)).observe(root);
    root.addEventListener("keydown", (event) => this.move(event));
  }

  // plan: what the server has made of the request; corner: what rows and columns are.
  build(plan, corner) {
    this.plan = plan;
    this.state.clear();
    const { rows, columns } = plan;
    this.root.style.setProperty("--columns", columns.titles.length);
    const head = row([heading("corner", corner, "")]);
    const coloured = (side, i) => (linesAre(plan) === side ? ` cp-line-key cp-s${i}` : "");
    head.append(...columns.titles.map((title, j) => heading(`column${coloured("columns", j)}`, title, "columnheader")));
    const lines = rows.titles.map((title, i) => row([heading(`row-title${coloured("rows", i)}`, title, "rowheader")]));
    this.cells = plan.cells.map((cell, index) => {
      const place = { row: Math.floor(index / columns.titles.length), column: index % columns.titles.length };
      const made = new Cell(index, place, this);
      lines[place.row].append(made.node);
      if (cell.problem) made.refuse(cell.problem);
      return made;
    });
    this.root.replaceChildren(head, ...lines);
    this.nameCells();
  }

  nameCells() {
    for (const cell of this.cells) {
      this.nameCell(cell);
      cell.button.tabIndex = cell.index === 0 ? 0 : -1;
    }
  }

  nameCell({ button, place, node }) {
    const title = `${this.plan.rows.titles[place.row]} · ${this.plan.columns.titles[place.column]}`;
    const what = node.dataset.problem ?? this.words.text("compare.open");
    button.setAttribute("aria-label", `${title}. ${what}`);
    button.title = what;
  }

  fill(index, cell) {
    this.cells[index].fill(cell);
  }

  // again: in another size.
  draw(again = false) {
    for (const cell of this.cells) cell.draw(again);
  }

  // Arrow keys go from cell to cell: the grid has one tab stop.
  move(event) {
    const from = this.cells.findIndex(({ button }) => button === event.target);
    const columns = this.plan?.columns.titles.length;
    const to = from + { ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns, ArrowUp: -columns }[event.key];
    if (from < 0 || !this.cells[to]) return;
    event.preventDefault();
    this.cells[from].button.tabIndex = -1;
    this.cells[to].button.tabIndex = 0;
    this.cells[to].button.focus();
  }

  point(index) {
    for (const [i, { node }] of this.cells.entries()) node.toggleAttribute("data-pointed", i === index);
  }
}

class Cell {
  constructor(index, place, grid) {
    Object.assign(this, { index, place, grid });
    this.node = element("div", "cp-cell", "gridcell");
    this.button = Object.assign(element("button", "cp-picture"), { type: "button" });
    this.button.ariaDisabled = "true"; // not disabled: a keyboard reaches it all the same
    this.canvas = document.createElement("canvas");
    this.caption = element("span", "cp-caption");
    this.button.append(this.canvas);
    this.node.append(this.button, this.caption);
    this.sheet = new SheetCanvas(this.canvas);
    this.state = grid.state.add();
    this.drawn = [];
    this.button.addEventListener("click", () => this.found && grid.onOpen(index));
    this.node.addEventListener("pointerenter", () => grid.onPoint(index));
    this.node.addEventListener("pointerleave", () => grid.onPoint(null));
  }

  fill(cell) {
    this.found = cell;
    this.button.ariaDisabled = null;
    this.grid.state.fill(this.state, cell.message);
  }

  refuse(sentence) {
    this.node.dataset.problem = sentence;
    this.node.title = sentence;
    this.caption.textContent = "–";
    this.grid.nameCell(this);
  }

  get picture() {
    return this.state.frame?.[this.grid.state.view] ?? null;
  }

  draw(again) {
    const { picture } = this;
    if (!picture) return;
    if (!picture.bitmap) {
      picture.ready.then(() => this.picture === picture && this.draw(again));
      return;
    }
    const { smooth } = this.grid.state;
    const { run, atEnd } = this.state;
    const now = [picture, smooth, atEnd];
    if (!again && now.every((value, i) => value === this.drawn[i])) return;
    this.drawn = now;
    const badges = atEnd && run.shape.count <= FEW ? run.badges : null;
    this.sheet.draw(picture.bitmap, run.shape, { enlarged: null, smooth, badges, gap: 2 });
  }
}

function element(kind, name, role = "") {
  const node = document.createElement(kind);
  node.className = name;
  if (role) node.setAttribute("role", role);
  return node;
}

function heading(name, text, role) {
  const node = element("div", `cp-${name}`, role);
  const words = document.createElement("span");
  words.textContent = text;
  node.append(words);
  node.title = text;
  return node;
}

function row(children) {
  const node = element("div", "cp-row", "row");
  node.append(...children);
  return node;
}
