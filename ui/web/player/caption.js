// The caption of the picture on show: how it was made, whatever the controls say by now. Its settings can be put back
// into the controls, and the line be copied.

import { setText } from "../dom.js";
import { icon } from "../icons.js";

const MARKUP = `<span part="line"></span>
  <button type="button" class="dp-small" data-part="use">${icon(
    "M4 7h9v2H4zm0 4h9v2H4zm0 4h6v2H4zm11.5-5.5 1.4-1.4L21 12l-4.1 3.9-1.4-1.4 1.6-1.5H14v-2h3.1z",
  )}<span data-text="caption.use"></span></button>
  <button type="button" class="dp-small" data-label="caption.copy_help" data-part="copy">${icon(
    "M8 4h11v13h-2V6H8zM5 7h10v13H5zm2 2v9h6V9z",
  )}<span data-text="caption.copy"></span></button>`;

export class Caption {
  // acts: { use(settings, line), copy(settings, line) }; without them, the line alone.
  constructor(root, words, acts) {
    Object.assign(this, { root, words });
    root.innerHTML = MARKUP;
    this.line = root.firstElementChild;
    for (const button of root.querySelectorAll("button")) {
      button.hidden = !acts;
      button.addEventListener("click", () => acts[button.dataset.part](this.settings, this.line.textContent));
    }
  }

  render(run) {
    this.settings = run?.names && run.settings;
    this.root.hidden = !this.settings;
    if (this.settings) setText(this.line, captionOf(run, this.words));
  }
}

// Such as: 7 · U-Net · UniPC, 14 steps · guidance 2 · seed 7.
export function captionOf({ settings, names, total }, words) {
  const { label, model, guidance_scale: guidance, classifier_scale: strength, eta, respacing, seed } = settings;
  const steps = words.text(total === 1 ? "caption.step" : "caption.steps", { sampler: names.sampler, n: total });
  const extra = [eta ? `η ${eta}` : "", respacing ? `[${respacing}]` : ""].filter(Boolean).join(" ");
  const parts = [
    label === "" ? words.text("tiles.any") : label,
    words.modelTitle(model, names.model),
    extra ? `${steps} ${extra}` : steps,
    guidance === undefined ? "" : words.text("caption.guidance", { value: guidance }),
    strength === undefined ? "" : words.text("caption.classifier", { value: strength }),
    words.text("caption.seed", { value: seed }),
  ];
  return parts.filter(Boolean).join(" · ");
}
