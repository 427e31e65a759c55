// The words of the page in the chosen language, from the files of ui/i18n. Dispatches "change" with another language.

import { setText } from "./dom.js";

const FALLBACK = "en";

export class Words extends EventTarget {
  // load(language): a promise of that language's file, parsed.
  constructor(load = fromServer) {
    super();
    this.load = load;
    this.files = new Map(); // language -> the promise of its texts, by keys with dots
    this.language = this.wanted = FALLBACK;
    this.texts = {};
    this.fallback = {};
  }

  // Use another language once its file has come; the latest call wins. Returns whether it is used now: where its file
  // does not come, the language before stays. Rejects where there are no words at all.
  async use(language) {
    this.wanted = language;
    const [texts, fallback] = await Promise.all([this.file(language).catch(() => null), this.file(FALLBACK)]);
    if (this.wanted !== language) return false;
    this.fallback = fallback;
    if (!texts) {
      this.wanted = this.language;
      return false;
    }
    Object.assign(this, { language, texts });
    this.dispatchEvent(new Event("change"));
    return true;
  }

  file(language) {
    if (!this.files.has(language)) {
      const texts = this.load(language).then((topics) => flattened(topics));
      texts.catch(() => this.files.delete(language)); // the next call tries again
      this.files.set(language, texts);
    }
    return this.files.get(language);
  }

  // The words for a key such as "player.play"; {name} in them becomes values.name.
  text(key, values = {}) {
    const words = this.texts[key] ?? this.fallback[key] ?? key;
    return words.replace(/\{(\w+)\}/g, (field, name) => values[name] ?? field);
  }

  // `apply`, now and in every other language.
  keepApplied(root) {
    this.addEventListener("change", () => this.apply(root));
    this.apply(root);
  }

  // What a model is called, given its reference and its title: bundled ones have translations.
  modelTitle(ref, title) {
    const key = `bundled_models.${ref}.title`;
    return this.has(key) ? this.text(key) : title;
  }

  has(key) {
    return key in this.texts || key in this.fallback;
  }

  // Fill the elements in which data-text names the content, data-label the tooltip and the name for screen readers.
  apply(root) {
    for (const node of root.querySelectorAll("[data-text]")) setText(node, this.text(node.dataset.text));
    for (const node of root.querySelectorAll("[data-label]")) {
      const label = this.text(node.dataset.label);
      if (node.getAttribute("aria-label") === label) continue;
      node.setAttribute("aria-label", label);
      if (node.tagName === "BUTTON") node.title = label;
    }
  }
}

function flattened(topics, prefix = "") {
  return Object.assign({}, ...Object.entries(topics).map(([name, value]) =>
    typeof value === "object" ? flattened(value, `${prefix}${name}.`) : { [prefix + name]: value }));
}

async function fromServer(language) {
  const response = await fetch(new URL(`../i18n/${language}.json`, import.meta.url));
  if (!response.ok) throw new Error(`no texts in ${language}: HTTP ${response.status}`);
  return response.json();
}
