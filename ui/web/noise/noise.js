// The Noise tab: a digit, how much noise, and what three denoisers make of it. x_t is made here, at every move of the
// slider; the guesses follow it from the server (ui/tabs/noise.py).

import { bytesOf, radioGroup, setText } from "../dom.js";
import { LatestOnly } from "../latest_only.js";
import { randomSeed } from "../seeds.js";
import { MARKUP } from "./markup.js";
import { asImage, bytesOfImage, floatsOf, noisy, paint, PIXELS, scaled } from "./pixels.js";
import { Drawing } from "./drawing.js";
import { Endings } from "./endings.js";
import { NoisePlots } from "./noise_plots.js";
import { NoiseView } from "./noise_view.js";
import { Panes } from "./panes.js";
import { logSnr, number, Schedules, signed } from "./schedules.js";
import { SplitTrack } from "./split_track.js";

const TIMING = { patience: 20000, pause: 2000 }; // ms, see latest_only.js
const PEN_RESTS = 400; // ms
const T_MIN = 0.001; // the smallest that the server takes
const START = { digit: "5", index: 0, split: "test", seed: 0, model: "", pixels: "" };

export function mountNoise({ element, server }, page) {
  const root = element.firstElementChild;
  root.innerHTML = MARKUP;
  const tab = new NoiseTab(root, server, page);
  page.shareable(tab.shared, tab.parts.top);
  page.addHistory(tab.parts.history);
  return tab;
}

class NoiseTab {
  constructor(root, server, { words, theme }) {
    Object.assign(this, { root, words });
    this.parts = Object.fromEntries([...root.querySelectorAll("[part]")].map((node) => [node.getAttribute("part"), node]));
    this.panes = new Panes(root);
    this.choice = { ...START };
    this.place = 50; // of the slider
    this.scene = null; // digits, noise and levels, from the server
    this.seen = null; // the guesses at the last noise level that the server has answered for
    this.shown = this.chosen; // the values that they are of
    this.refused = false; // whether what is chosen was
    this.shared = new NoiseView(this);
    this.track = new SplitTrack(this.parts.track);
    this.plots = new NoisePlots(this.parts, (t) => this.moveTo(Math.round(t * 100)));
    this.schedules = new Schedules(this.parts, words, (t) => this.moveTo(Math.round(t * 100)));
    const requests = (method, show) => new LatestOnly((_, values) => server[method](values), (text, _, values) => this.take(text, show, values), TIMING);
    this.scenes = requests("scene", (scene) => this.showScene(scene));
    this.views = requests("view", (view, values) => this.showView(view, values));
    this.curves = requests("curve", (curve) => this.showCurve(curve));
    this.endings = new Endings(this.parts, words, async () => {
      const text = await server.endings({ ...this.sent, t: this.t }).catch(() => null);
      let endings = null;
      this.take(text, (answer) => { endings = answer; });
      return endings;
    });
    this.listen(theme);
    this.applyWords();
    this.choose({});
  }

  listen(theme) {
    const { parts, words } = this;
    parts.slider.addEventListener("input", () => this.moveTo(Number(parts.slider.value)));
    this.buildTiles();
    this.markDigit = radioGroup(parts.tiles, (digit) => this.choose({ digit, pixels: "" }));
    this.drawing = new Drawing(parts, words, {
      onDraw: (pixels) => this.choose({ pixels }),
      random: () => this.scene?.digits[Math.floor(10 * Math.random())],
    });
    this.markSplit = radioGroup(parts.split, (split) => this.choose({ split }));
    parts.other.addEventListener("click", () => this.choose({ index: (this.choice.index + 1) % (this.scene?.of_each ?? 1) }));
    parts.seed.addEventListener("change", () => this.choose({ seed: Math.trunc(parts.seed.valueAsNumber) || 0 }));
    parts["new-noise"].addEventListener("click", () => this.choose({ seed: randomSeed() }));
    parts.model.addEventListener("change", () => this.choose({ model: parts.model.value }));
    words.addEventListener("change", () => this.applyWords());
    theme.addEventListener("change", () => setTimeout(() => this.redrawTrack()));
    new ResizeObserver(() => this.redrawTrack()).observe(parts.track);
  }

  buildTiles() {
    const tiles = [..."0123456789"].map((digit) => {
      const tile = document.createElement("button");
      Object.assign(tile, { type: "button", className: "tile", innerHTML: `<canvas width="28" height="28"></canvas><span>${digit}</span>` });
      tile.setAttribute("role", "radio");
      tile.setAttribute("aria-label", digit);
      tile.dataset.value = digit;
      return tile;
    });
    this.parts.tiles.replaceChildren(...tiles);
  }

  // ---- what is asked for ---------------------------------------------------------------------------------------------

  // Something else than t was chosen: {} asks for all of it anew.
  choose(changed) {
    Object.assign(this.choice, changed);
    this.markDigit(this.choice.pixels ? null : this.choice.digit);
    this.markSplit(this.choice.split);
    if (this.parts.seed.valueAsNumber !== this.choice.seed) this.parts.seed.value = this.choice.seed;
    this.drawing.show(this.choice.pixels);
    this.endings.forget();
    const here = ["digit", "pixels"]; // whose pixels are here already
    const local = this.scene && Object.keys(changed).length > 0 && Object.keys(changed).every((name) => here.includes(name));
    if (local) this.showDigit();
    else this.scenes.want(this.sent);
    clearTimeout(this.curveLater); // while somebody draws, all noise levels at every move would be too many
    if (changed.pixels) this.curveLater = setTimeout(() => this.curves.want(this.sent), PEN_RESTS);
    else this.curves.want(this.sent);
    this.askForView();
  }

  moveTo(place) {
    this.place = Math.min(100, Math.max(0, place));
    if (this.parts.slider.valueAsNumber !== this.place) this.parts.slider.value = this.place;
    if (this.scene) this.showLevel();
    this.askForView();
  }

  get t() {
    return Math.max(T_MIN, this.place / 100);
  }

  get sent() {
    return { ...this.choice, language: this.words.language };
  }

  get chosen() {
    return { ...this.choice, t: this.t };
  }

  get asking() {
    return "asking" in this.root.dataset;
  }

  askForView() {
    this.root.dataset.asking = "true";
    this.views.want({ ...this.sent, t: this.t });
  }

  // ---- what comes ----------------------------------------------------------------------------------------------------

  // text: JSON; nothing where the server is too busy, or cannot be reached.
  take(text, show, values) {
    const answer = text ? JSON.parse(text) : { error: this.words.text("status.connection_failed") };
    this.refused = Boolean(answer.error);
    this.parts.banner.hidden = !answer.error;
    setText(this.parts.banner, answer.error ?? "");
    if (!answer.error) show(answer, values);
  }

  showScene(scene) {
    const digits = bytesOf(scene.digits);
    this.scene = { ...scene, noise: floatsOf(scene.noise), levels: scene.schedules[scene.process] };
    this.scene.digits = Array.from({ length: 10 }, (_, i) => digits.subarray(i * PIXELS, (i + 1) * PIXELS));
    [...this.parts.tiles.children].forEach((tile, i) => paint(tile.firstChild, this.scene.digits[i]));
    this.showModels();
    this.schedules.draw(scene.schedules, scene.process);
    this.showDigit();
    this.redrawTrack();
  }

  showDigit() {
    const { digit, pixels } = this.choice;
    const bytes = pixels ? bytesOf(pixels) : this.scene.digits[Number(digit)];
    this.image = asImage(bytes, this.scene.darkest);
    this.panes.paint("real", bytes);
    this.showLevel();
  }

  // All that depends on t and is made here.
  showLevel() {
    const { alpha, sigma } = this.scene.levels;
    const level = { alpha: alpha[this.place], sigma: sigma[this.place] };
    const x = scaled(noisy(this.image, this.scene.noise, level), level);
    this.panes.paint("noisy", bytesOfImage(x));
    this.plots.showPixels(x);
    this.plots.point(this.place / 100);
    this.schedules.point(this.place);
    this.track.draw(this.scene.levels, this.place);
    const { parts } = this;
    const t = (this.place / 100).toFixed(2);
    setText(parts.t, t);
    setText(parts.alpha, number(level.alpha));
    setText(parts.sigma, number(level.sigma));
    setText(parts["log-snr"], signed(logSnr(level)));
    const share = Math.round((100 * level.sigma ** 2) / (level.alpha ** 2 + level.sigma ** 2));
    parts.slider.setAttribute("aria-valuetext", this.words.text("noise.level_text", { t, share }));
  }

  showView(view, { language, ...values }) {
    Object.assign(this, { seen: view, shown: values });
    if (!this.views.open) delete this.root.dataset.asking;
    const pictures = { network: view.network.x0, network_noise: view.network.eps, ideal: view.ideal.x0, blur: view.blur };
    for (const [name, picture] of Object.entries(pictures)) this.panes.paint(name, bytesOf(picture));
    this.plots.showNeighbours(view.neighbours);
    this.writeView();
    this.shared.complete();
  }

  showCurve(curve) {
    this.plots.showErrors(curve);
    this.plots.point(this.place / 100);
  }

  redrawTrack() {
    this.track.measure();
    if (this.scene) this.track.draw(this.scene.levels, this.place);
  }

  // ---- words ---------------------------------------------------------------------------------------------------------

  applyWords() {
    this.words.apply(this.root);
    this.panes.note("real", this.words.text("noise.real_note"));
    this.panes.note("noisy", this.words.text("noise.noisy_note"));
    if (this.scene) {
      this.showModels();
      this.showLevel();
    }
    if (this.seen) this.writeView();
    this.endings.write();
  }

  writeView() {
    const { seen: view, words, panes } = this;
    const rounded = (error) => error.toFixed(2);
    panes.note("network", words.text("noise.error", { error: rounded(view.network.x0_error) }));
    panes.note("network_noise", words.text("noise.error", { error: rounded(view.network.eps_error) }));
    panes.note("ideal", words.text("noise.error", { error: rounded(view.ideal.x0_error) }));
    const [width, error] = [view.blur_width.toFixed(1), rounded(view.blur_error)];
    panes.note("blur", words.text("noise.blur_note", { width, error }));
    if (!this.views.open) {
      const [network, ideal] = [view.network, view.ideal].map((guess) => rounded(guess.x0_error));
      setText(this.parts.said, words.text("noise.said", { t: (this.place / 100).toFixed(2), network, ideal }));
    }
    const effective = view.effective < 9.5 ? Number(view.effective.toFixed(1)) : Math.round(view.effective);
    setText(this.parts.mix, words.text("noise.neighbours_help", { images: view.images, effective }));
    setText(this.parts.known, words.text(this.scene?.whole ? "noise.whole" : "noise.bundled"));
  }

  showModels() {
    const { models, model } = this.scene;
    const options = models.map(([ref, titles]) => new Option(titles[this.words.language] ?? ref, ref, false, ref === model));
    this.parts.model.replaceChildren(...options);
  }
}
