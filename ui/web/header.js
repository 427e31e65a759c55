// Title, language and theme. The language is the component's value, so that Python can put the other words into it too.

const REMEMBERED = "digit-diffusion-lab";
const saved = remembered();

// Storage may be closed to the page, as in another site's frame, and hold anything.
function remembered() {
  try {
    return Object(JSON.parse(localStorage.getItem(REMEMBERED)));
  } catch {
    return {};
  }
}

function remember(change) {
  Object.assign(saved, change);
  try {
    localStorage.setItem(REMEMBERED, JSON.stringify(saved));
  } catch {
    // then it holds until the page is left
  }
}

element.firstElementChild.innerHTML = `
<div class="lab-head">
  <svg class="lab-mark" viewBox="0 0 40 40" aria-hidden="true"></svg>
  <div class="lab-names"><h1 data-text="title"></h1><p data-text="subtitle"></p></div>
  <div class="lab-tools">
    <div class="dp-segments" role="radiogroup" data-label="language">
      <button type="button" role="radio" data-value="en" lang="en">English</button>
      <button type="button" role="radio" data-value="zh" lang="zh-Hans">简体中文</button>
    </div>
    <button type="button" class="dp-round lab-theme" data-label="theme">
      <svg viewBox="0 0 24 24" aria-hidden="true"><path d="M12 3a9 9 0 1 0 0 18zM12 3a9 9 0 0 1 0 18"/></svg>
    </button>
  </div>
</div>`;

// The mark: a 7 of twelve pixels among noise that thins out to the right.
const mark7 = ["1111", "0001", "0010", "0010", "0100"];
let seed = 5;
let dots = "";
for (let y = 0; y < 7; y++) {
  for (let x = 0; x < 7; x++) {
    seed = (seed * 16807) % 2147483647;
    const on = mark7[y - 1] && mark7[y - 1][x - 2] === "1";
    const noise = ((seed % 100) / 100) * Math.max(0, 1 - x / 5);
    const share = on ? 1 : noise * 0.7;
    if (share > 0.08) dots += `<rect class="${on ? "on" : ""}" x="${3 + x * 5}" y="${3 + y * 5}" width="4" height="4" rx="1" opacity="${share.toFixed(2)}"/>`;
  }
}
element.querySelector(".lab-mark").innerHTML = dots;

function speak(chosen) {
  document.documentElement.lang = chosen === "zh" ? "zh-Hans" : "en";
  applyTexts(element);
  document.title = TEXTS[language()].title;
  markLanguage(chosen);
  document.dispatchEvent(new Event("lab-language"));
}

const markLanguage = radioGroup(element.querySelector("[role=radiogroup]"), (chosen) => {
  remember({ language: chosen });
  props.value = chosen;
  speak(chosen);
});

element.querySelector(".lab-theme").addEventListener("click", () => {
  const dark = !document.body.classList.contains("dark");
  document.body.classList.toggle("dark", dark);
  remember({ dark });
  document.dispatchEvent(new Event("lab-theme"));
});
if ("dark" in saved) document.body.classList.toggle("dark", saved.dark);

const preferred = saved.language || (navigator.language.startsWith("zh") ? "zh" : "en");
if (preferred !== props.value) props.value = preferred;
speak(preferred);
