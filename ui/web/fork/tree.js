// The tree of a run and its branches, from noise on the left to images on the right: a line for each, which leaves that of
// its parent where it was forked, and a bar at what is on show.

const NAMESPACE = "http://www.w3.org/2000/svg";
const ROW = 20; // pixels from line to line
const BEND = 26; // that a line takes to leave its parent
const EDGE = 10; // beside the lines; on the right there are numbers

export class Tree {
  // playback: of all of them (player/playback.js).
  constructor(svg, playback) {
    Object.assign(this, { svg, playback, lines: [] });
    svg.addEventListener("click", (event) => {
      const box = svg.getBoundingClientRect();
      playback.pause();
      playback.moveTo((event.clientX - box.left - EDGE) / (box.width - 3 * EDGE));
    });
    playback.addEventListener("change", () => this.point());
    new ResizeObserver(() => this.draw(this.lines)).observe(svg);
  }

  // lines: of the branches in the order of their rows: { number, beginning (0 to 1), parent (index of a row, 0 is the
  // run's), name (a class) }.
  draw(lines) {
    this.lines = lines;
    const height = ROW * (lines.length + 1);
    this.svg.style.height = `${height}px`;
    this.bar = shape("line", { class: "fk-now", y1: 2, y2: height - 2 });
    this.svg.replaceChildren(this.bar, this.line(0, 0, 0, "fk-0", ""),
      ...lines.map(({ number, beginning, parent, name }, i) => this.line(i + 1, parent, beginning, name, number)));
    this.point();
  }

  line(row, parent, beginning, name, number) {
    const [from, to, end] = [this.left(beginning), this.left(1), ROW * (row + 0.5)];
    const start = ROW * (parent + 0.5);
    const bend = Math.min(BEND, to - from);
    const path = row === parent
      ? `M${from} ${end}H${to}`
      : `M${from} ${start}C${from + bend / 2} ${start} ${from + bend / 2} ${end} ${from + bend} ${end}H${to}`;
    const group = shape("g", { class: name });
    const label = shape("text", { x: to + EDGE, y: end + 4, "text-anchor": "middle" });
    label.textContent = number;
    group.append(shape("path", { d: path }), shape("circle", { cx: from, cy: start, r: 4 }), label);
    return group;
  }

  point() {
    if (!this.bar) return;
    const left = this.left(this.playback.position);
    this.bar.setAttribute("x1", left);
    this.bar.setAttribute("x2", left);
  }

  left(place) {
    return EDGE + place * ((this.svg.clientWidth || 300) - 3 * EDGE);
  }
}

function shape(kind, attributes) {
  const node = document.createElementNS(NAMESPACE, kind);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  return node;
}
