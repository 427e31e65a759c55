// What a player's state looks like. `render` brings the page in line with the state, and touches only what differs.

import { keepFocus, setText } from "../dom.js";
import { duration, SLOW } from "../duration.js";
import { Caption } from "./caption.js";
import { MARKUP } from "./markup.js";
import { NoiseTrack } from "./noise_track.js";
import { SheetCanvas } from "./sheet_canvas.js";
import { renderButtons, renderScrubber } from "./transport.js";

const SETTLED = 1; // seconds of computing after which its pace is known

export class PlayerView {
  // acts: see caption.js; signal: of an AbortController, at which it no longer follows the language.
  constructor(root, state, words, acts, signal) {
    Object.assign(this, { root, state, words });
    root.innerHTML = MARKUP;
    const parts = [...root.querySelectorAll("[part]")];
    this.part = Object.fromEntries(parts.map((node) => [node.getAttribute("part"), node]));
    this.panes = [...root.querySelectorAll(".dp-pane")].map((node) => ({
      node,
      kind: node.dataset.kind,
      button: node.querySelector("button"),
      canvas: new SheetCanvas(node.querySelector("canvas")),
    }));
    keepFocus(this.part.gif);
    this.caption = new Caption(this.part.caption, words, acts);
    this.track = new NoiseTrack(this.part.track);
    this.wanted = { frame: null, since: 0 }; // the frame to be drawn
    this.drawn = []; // what the canvases were drawn from
    this.said = []; // what the words were chosen by
    state.addEventListener("change", () => this.render());
    words.addEventListener("change", () => this.render(), { signal });
    new ResizeObserver(() => this.redraw()).observe(root);
    this.render();
  }

  render() {
    this.renderStatus();
    this.renderWords();
    this.renderFrame();
  }

  // Draw everything again, as in another size or in other colours.
  redraw() {
    this.drawn = [];
    this.track.measure();
    this.render();
  }

  // ---- the status line, the buttons, and how the panes are arranged -------------------------------------------------

  renderStatus() {
    const { part, state } = this;
    const { run, phase } = state;
    this.root.dataset.phase = phase;
    this.root.toggleAttribute("data-long", phase === "waiting" && state.waitsLong);
    if (run) this.root.dataset.frames = run.frames.length;
    setText(part.status, this.status());
    const count = { running: () => `${run.step} / ${run.total}${this.left()}`, live: () => `${Math.round(1000 * run.seconds)} ms` };
    setText(part.count, phase in count ? count[phase]() : "");
    part.banner.hidden = state.error === "";
    setText(part.banner, state.error);
    part.classified.setAttribute("aria-live", phase === "live" ? "off" : "polite"); // one after the other would be noise
    renderButtons(part, state, this.words);
    part.large.disabled = !run;
    // something has to follow the step on show, and the server has to know of what it is a step
    part.fork.disabled = !run?.settings || state.busy || state.frame.step >= run.total;
    this.arrangePanes();
  }

  // The input is there whenever the run has one; the view chooses among the other two.
  arrangePanes() {
    const { view, run } = this.state;
    const enlarges = Boolean(run?.input);
    for (const { node, kind } of this.panes) {
      node.hidden = kind === "input" ? !enlarges : view !== "both" && view !== kind;
    }
    this.part.panes.dataset.view = view;
    this.part.panes.classList.toggle("dp-enlarges", enlarges);
  }

  // The kinds of the panes on show.
  get kinds() {
    return this.panes.filter((pane) => !pane.node.hidden).map((pane) => pane.kind);
  }

  // ---- words --------------------------------------------------------------------------------------------------------

  renderWords() {
    const { part, state, words } = this;
    const { run, phase, enlarged, saving } = state;
    const said = [words.texts, phase, state.playback.mode, run, run?.done, enlarged, saving];
    if (same(said, this.said)) return;
    this.said = said;
    words.apply(this.root);
    this.caption.render(run);
    this.renderPhase();
    const classified = this.classified();
    setText(part.classified, classified);
    setText(part.gif_text, words.text(saving ? "player.gif_busy" : "player.gif"));
    const hint = words.text(enlarged === null ? "player.enlarge" : "player.show_all");
    for (const { kind, button } of this.panes) {
      const name = words.text({ input: "player.input", x: "player.noisy", x0: "player.guess" }[kind]);
      button.setAttribute("aria-label", `${name}. ${classified} ${hint}`);
      button.title = hint;
    }
    if (state.frame && state.frame === this.drawn[1]) this.renderNumbers();
  }

  status() {
    const { state, words } = this;
    const { phase, run, ahead, back } = state;
    if (phase === "example") {
      return words.text(run ? "status.example" : state.waitsLong ? "status.example_late" : "status.example_awaited");
    }
    if (phase === "waiting" && ahead > 0) return words.text("status.queued", { n: ahead });
    if (phase === "waiting") return words.text("status.waiting");
    if (phase === "running") return words.text("status.running");
    if (phase === "stopped") return words.text("status.stopped", { step: run.step, total: run.total });
    if (phase === "live") return words.text("status.live", { model: words.modelTitle(run.settings.model, run.names.model) });
    if (phase === "finished" && back) return words.text("status.live_over", { model: back });
    if (phase === "finished") return words.text("status.finished", { seconds: run.seconds.toFixed(2) });
    return "";
  }

  // How long a slow run still takes, by the steps that it has computed.
  left() {
    const { step, total, seconds } = this.state.run;
    const left = step > 0 ? (seconds / step) * (total - step) : 0;
    const told = seconds > SETTLED && left > SLOW;
    return told ? ` · ${this.words.text("status.left", { time: duration(left, this.words) })}` : "";
  }

  // The classifications of the images as a sentence; "" where there are none.
  classified() {
    const { run } = this.state;
    const found = run?.result?.classifications;
    if (!found) return "";
    const { labels } = run.result;
    if (labels[0] !== "") {
      const right = found.filter(([label], i) => label === labels[i]).length;
      const alike = run.label !== "" && labels.every((label) => label === run.label);
      const key = alike ? "classified.as_label" : "classified.as_own";
      return this.words.text(key, { right, n: found.length, label: run.label });
    }
    const counts = new Map();
    for (const [label] of found) counts.set(label, (counts.get(label) || 0) + 1);
    const sorted = [...counts].sort(([a], [b]) => a.localeCompare(b));
    const list = sorted.map(([label, n]) => (n > 1 ? `${label} ×${n}` : label)).join(", ");
    return this.words.text("classified.list", { list });
  }

  // ---- the frame on show --------------------------------------------------------------------------------------------

  // Picture and numbers change together, once the picture is decoded; unless another frame is wanted by then.
  renderFrame() {
    const { state } = this;
    const { frame, run } = state;
    if (!frame) return;
    const first = frame !== this.wanted.frame;
    if (first) this.wanted = { frame, since: performance.now() };
    const pictures = [frame.x, frame.x0, ...(run.input ? [run.input] : [])];
    if (!pictures.every((picture) => picture.bitmap)) {
      if (first) Promise.all(pictures.map((picture) => picture.ready)).then(() => this.renderFrame());
      return;
    }
    const frames = state.playback.mode === "rest" ? run.frames.length : 0; // elsewhere the next frame comes soon
    const { view, enlarged, smooth, atEnd } = state;
    const drawn = [run, frame, view, enlarged, smooth, atEnd, frames];
    if (same(drawn, this.drawn)) return;
    const moved = frame !== this.drawn[1];
    this.drawn = drawn;
    this.renderPictures();
    this.renderNumbers();
    if (moved) state.playback.drew(performance.now() - this.wanted.since);
  }

  renderPictures() {
    const { run, frame, enlarged, smooth, atEnd } = this.state;
    const badges = atEnd ? run.badges : null;
    const shown = this.panes.filter((pane) => !pane.node.hidden);
    const classified = shown.find((pane) => pane.kind !== "input"); // the pane with the images that are classified
    for (const pane of shown) {
      const { bitmap } = pane.kind === "input" ? run.input : frame[pane.kind];
      pane.canvas.draw(bitmap, run.shape, { enlarged, smooth, badges: pane === classified ? badges : null });
    }
  }

  // What there is to see. While a run waits, that is the run before.
  renderPhase() {
    const { state, words } = this;
    if (!state.frame) return;
    const before = state.phase === "waiting";
    setText(this.part.phase, words.text(before ? "player.before" : `noise_levels.${state.noiseLevel}`));
  }

  renderNumbers() {
    const { part, state, words } = this;
    const { run, frame } = state;
    const { step, t, alpha, sigma, seconds } = frame;
    setText(part.step, `${step} / ${run.total}`);
    setText(part.time, t.toFixed(3));
    setText(part.noise, sigma.toFixed(3));
    setText(part.alpha, alpha.toFixed(2));
    setText(part.sigma, sigma.toFixed(2));
    setText(part.seconds, `${seconds.toFixed(2)} s`);
    this.renderPhase();
    renderScrubber(part, state, this.track, words);
    this.root.dataset.step = step;
  }
}

function same(a, b) {
  return a.length === b.length && a.every((value, i) => value === b[i]);
}
