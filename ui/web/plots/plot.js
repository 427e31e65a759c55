// Plots of lines and bars as SVG, over t or over anything else.

const NAMESPACE = "http://www.w3.org/2000/svg";
const LEFT = 34;
const RIGHT = 8;
const TOP = 8;
const BOTTOM = 22;
const TITLE = 17; // the height of an axis's title

export class Plot {
  // x, y: { range: [low, high], ticks, label(value), title } of the axes, titles being optional; size: { width, height } of
  // the drawing without titles, in its units.
  constructor(svg, { x, y, size }) {
    Object.assign(this, { svg, x, y, size, roof: TOP + (y.title ? TITLE : 0) });
    const foot = this.roof - TOP + size.height;
    svg.setAttribute("viewBox", `0 0 ${size.width} ${foot + (x.title ? TITLE : 0)}`);
    const frame = group("plot-axes");
    if (y.title) frame.append(text(0, TOP + 2, y.title, "start"));
    if (x.title) frame.append(text(size.width - RIGHT, foot + TITLE - 6, x.title, "end"));
    for (const value of x.ticks) {
      frame.append(text(this.left(value), foot - 6, label(x, value), "middle"));
    }
    for (const value of y.ticks) {
      frame.append(shape("line", { x1: LEFT, x2: size.width - RIGHT, y1: this.top(value), y2: this.top(value) }));
      frame.append(text(LEFT - 6, this.top(value) + 3.5, label(y, value), "end"));
    }
    this.content = group("plot-lines");
    this.mark = group("plot-mark");
    svg.replaceChildren(frame, this.content, this.mark);
  }

  left(value) {
    const [low, high] = this.x.range;
    return LEFT + ((value - low) / (high - low)) * (this.size.width - LEFT - RIGHT);
  }

  top(value) {
    const [low, high] = this.y.range;
    const inside = Math.min(high, Math.max(low, value));
    return this.roof + ((high - inside) / (high - low)) * (this.size.height - TOP - BOTTOM);
  }

  holds(value) {
    return value >= this.y.range[0] && value <= this.y.range[1];
  }

  // lines: [{ xs, ys, name, dots }], name a class; what is beyond the range of y is left out. dots: for each point of the
  // line { title, low, high }, of which low and high are the ends of an interval of y, if there is one. bars:
  // { low, width, heights } below the lines, if any.
  draw(lines, bars = null) {
    this.content.replaceChildren();
    if (bars) {
      const foot = this.top(0);
      bars.heights.forEach((height, i) => {
        const from = bars.low + i * bars.width;
        const box = { x: this.left(from) + 0.5, y: this.top(height), height: foot - this.top(height) };
        if (height) this.content.append(shape("rect", { ...box, width: this.left(from + bars.width) - this.left(from) - 1 }));
      });
    }
    for (const { xs, ys, name, dots } of lines) {
      const place = (i) => `${this.left(xs[i]).toFixed(1)},${this.top(ys[i]).toFixed(1)}`;
      const points = [...xs.keys()].filter((i) => this.holds(ys[i])).map(place).join(" ");
      this.content.append(shape("polyline", { points, class: name }));
      dots?.forEach((dot, i) => this.content.append(...this.dot(xs[i], ys[i], name, dot)));
    }
  }

  // A point of a line that says what it is.
  dot(x, y, name, { title, low, high, ...data }) {
    const left = this.left(x);
    const circle = shape("circle", { cx: left, cy: this.top(y), r: 4, class: name });
    circle.append(Object.assign(document.createElementNS(NAMESPACE, "title"), { textContent: title }));
    Object.assign(circle.dataset, data);
    if (low === undefined) return [circle];
    return [shape("line", { x1: left, x2: left, y1: this.top(low), y2: this.top(high), class: name }), circle];
  }

  // The present point: a line at x, and a dot on each of the lines.
  point(x, dots) {
    const bar = { x1: this.left(x), x2: this.left(x), y1: this.roof, y2: this.top(this.y.range[0]) };
    const seen = dots.filter(({ y }) => this.holds(y));
    const circles = seen.map(({ y, name }) => shape("circle", { cx: this.left(x), cy: this.top(y), r: 3.6, class: name }));
    this.mark.replaceChildren(shape("line", bar), ...circles);
  }

  // The x under a pointer, within the range.
  valueAt(event) {
    const box = this.svg.getBoundingClientRect();
    const place = ((event.clientX - box.left) / box.width) * this.size.width;
    const [low, high] = this.x.range;
    const value = low + ((place - LEFT) / (this.size.width - LEFT - RIGHT)) * (high - low);
    return Math.min(high, Math.max(low, value));
  }
}

function label(axis, value) {
  return axis.label ? axis.label(value) : String(value);
}

function shape(kind, attributes) {
  const node = document.createElementNS(NAMESPACE, kind);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  return node;
}

function group(name) {
  return shape("g", { class: name });
}

function text(x, y, content, anchor) {
  const node = shape("text", { x, y, "text-anchor": anchor });
  node.textContent = content;
  return node;
}
