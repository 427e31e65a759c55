// Presentation mode: the picture alone, as large as the screen, and keys for what a speaker does.
//
//   space   play or pause        arrows   a step back or forward; in the Noise tab, less or more noise
//   0 to 9  choose a digit       G        generate        L   live        Esc   leave

const WRITING = "input:not([type=range], [type=checkbox], [type=radio]), textarea, select, [contenteditable]";
const OWN_SPACE = "button, summary, a, input";
const OWN_ARROWS = "input[type=range], [role=radio], [role=tab], [role=listbox], [role=option]";

export class Presenting extends EventTarget {
  // root: the app's element; press(id) presses a button of the page; player() is what lab.player is by then.
  constructor({ root, own }, press, player) {
    super();
    Object.assign(this, { root, press, player });
    this.on = false;
    this.tabbed = false; // whether what has the focus was reached by keyboard
    this.stage = own ? document.documentElement : root;
    document.addEventListener("keydown", (event) => this.on && this.key(event));
    document.addEventListener("pointerdown", () => (this.tabbed = false));
    document.addEventListener("fullscreenchange", () => document.fullscreenElement || this.leave());
  }

  toggle() {
    if (this.on) this.leave();
    else this.enter();
  }

  // A page in a frame may be kept from the full screen: then it is as large as its frame.
  enter() {
    this.set(true);
    this.stage.requestFullscreen?.().catch(() => {});
  }

  leave() {
    if (!this.on) return;
    this.set(false);
    if (document.fullscreenElement) document.exitFullscreen();
  }

  set(on) {
    this.on = on;
    this.tabbed = false;
    this.root.classList.toggle("lab-presenting", on);
    this.dispatchEvent(new Event("change"));
  }

  key(event) {
    const { target, key } = event;
    if (key === "Tab") this.tabbed = true;
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    if (key === "Escape") this.leave();
    else if (target.closest?.(WRITING) || !this.act(key, target)) return;
    event.preventDefault();
  }

  // Whether the key was for us. What was reached by the tab key has its own keys; what was clicked has not.
  act(key, target) {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[key];
    if (this.tabbed && target.matches(key === " " ? OWN_SPACE : OWN_ARROWS) && (step || key === " ")) return false;
    const noise = this.shown(".nz-track input");
    if (noise) return Boolean(step) && this.move(noise, step);
    const { state } = this.player() ?? {};
    if (!state || !this.shown("#player .dp")) return false;
    if (step) state.goTo(state.index + step);
    else if (key === " ") state.playback.mode === "play" ? state.pause() : state.play();
    else if (key.toLowerCase() === "g") this.press("generate");
    else if (key.toLowerCase() === "l") this.root.querySelector("#live input")?.click();
    else if (/^\d$/.test(key)) this.root.querySelector(`#tiles [data-value="${key}"]`)?.click();
    else return false;
    return true;
  }

  move(slider, step) {
    slider.value = slider.valueAsNumber + step;
    slider.dispatchEvent(new Event("input", { bubbles: true }));
    return true;
  }

  shown(selector) {
    const node = this.root.querySelector(selector);
    return node?.checkVisibility() ? node : null;
  }
}
