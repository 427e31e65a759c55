// Title, language and theme. The language is the component's value, by which Python knows it.

import { radioGroup } from "./dom.js";
import { useLanguage } from "./gradio_workarounds.js";

const MARKUP = `
<div class="lab-head">
  <svg class="lab-mark" viewBox="0 0 40 40" aria-hidden="true">${mark()}</svg>
  <div class="lab-names"><h1 data-text="page.title"></h1><p data-text="page.subtitle"></p></div>
  <p class="lab-keys" data-text="page.present_keys"></p>
  <div class="lab-tools">
    <div class="dp-segments" role="radiogroup" data-label="page.choose_language"></div>
    <button type="button" class="dp-round lab-present" part="present">
      <svg viewBox="0 0 24 24" aria-hidden="true"><path d="M4 4h6v2H6v4H4zM14 4h6v6h-2V6h-4zM4 14h2v4h4v2H4zM18 14h2v6h-6v-2h4z"/></svg>
    </button>
    <button type="button" class="dp-round lab-about" data-label="page.about">?</button>
    <button type="button" class="dp-round lab-theme" data-label="page.switch_theme">
      <svg viewBox="0 0 24 24" aria-hidden="true"><path d="M12 3a9 9 0 1 0 0 18zM12 3a9 9 0 0 1 0 18"/></svg>
    </button>
  </div>
</div>`;

// languages: what each is called, by its code.
// about(): shows what the page is.
// Its event "input" is that of another language: for Gradio, a value that was set before it has looked is no change.
export function mountHeader({ element, props, trigger }, { words, theme, preferences, languages, own, about, presenting }) {
  const root = element.firstElementChild;
  root.innerHTML = MARKUP;
  const group = root.querySelector("[role=radiogroup]");
  group.replaceChildren(...Object.entries(languages).map(([code, name]) => languageButton(code, name)));
  const markLanguage = radioGroup(group, async (chosen) => {
    if (await words.use(chosen)) preferences.set("language", chosen);
    else markLanguage(words.wanted);
  });
  root.querySelector(".lab-about").addEventListener("click", about);
  root.querySelector(".lab-theme").addEventListener("click", () => theme.toggle());

  const present = root.querySelector(".lab-present");
  present.addEventListener("click", () => presenting.toggle());
  presenting.addEventListener("change", () => render());

  const render = () => {
    present.dataset.label = presenting.on ? "page.present_leave" : "page.present";
    root.closest("gradio-app").lang = words.text("tag");
    if (own) {
      document.title = words.text("page.title");
      const tag = () => (document.documentElement.lang = words.text("tag"));
      tag();
      useLanguage(words.language).then(tag); // Gradio sets its own
    }
    words.apply(root);
    markLanguage(words.language);
    if (props.value !== words.language) props.value = words.language;
  };
  words.addEventListener("change", () => {
    render();
    trigger("input");
  });
  render();
}

function languageButton(code, name) {
  const button = document.createElement("button");
  button.type = "button";
  button.setAttribute("role", "radio");
  button.dataset.value = code;
  button.lang = code;
  button.textContent = name;
  return button;
}

// A 7 of twelve pixels among noise that thins out to the right.
function mark() {
  const seven = ["1111", "0001", "0010", "0010", "0100"];
  let seed = 5;
  let dots = "";
  for (let y = 0; y < 7; y++) {
    for (let x = 0; x < 7; x++) {
      seed = (seed * 16807) % 2147483647;
      const on = seven[y - 1]?.[x - 2] === "1";
      const share = on ? 1 : 0.7 * ((seed % 100) / 100) * Math.max(0, 1 - x / 5);
      if (share <= 0.08) continue;
      const place = `x="${3 + x * 5}" y="${3 + y * 5}" width="4" height="4" rx="1"`;
      dots += `<rect class="${on ? "on" : ""}" ${place} opacity="${share.toFixed(2)}"/>`;
    }
  }
  return dots;
}
