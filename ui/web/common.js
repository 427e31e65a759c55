// What every part of the page that lives in the browser shares: words in the chosen language, radio groups, bytes.

function language() {
  return document.documentElement.lang.startsWith("zh") ? "zh" : "en";
}

// Words in an element. What stands there already is not written again: it would be laid out anew.
function write(node, words) {
  if (node.textContent !== words) node.textContent = words;
}

// Fill every element that names a text: data-text is its content, data-label its tooltip and its name for screen readers.
function applyTexts(root) {
  const words = TEXTS[language()];
  for (const node of root.querySelectorAll("[data-text]")) write(node, words[node.dataset.text]);
  for (const node of root.querySelectorAll("[data-label]")) {
    node.setAttribute("aria-label", words[node.dataset.label]);
    if (node.tagName === "BUTTON") node.title = words[node.dataset.label];
  }
}

function fillIn(sentence, values) {
  return sentence.replace(/\{(\w+)\}/g, (_, name) => values[name]);
}

// A group of role="radio" elements in which arrow keys choose, as the WAI-ARIA pattern asks: one of them is in the tab
// order, the arrows wrap around. Returns a function that marks a value as chosen without calling `onPick`.
function radioGroup(root, onPick) {
  const radios = () => [...root.querySelectorAll("[role=radio]")];
  const mark = (value) => {
    const all = radios();
    const chosen = all.find((radio) => radio.dataset.value === value);
    for (const radio of all) {
      radio.setAttribute("aria-checked", String(radio === chosen));
      radio.tabIndex = radio === (chosen || all[0]) ? 0 : -1;
    }
  };
  const pick = (radio) => {
    mark(radio.dataset.value);
    radio.focus();
    onPick(radio.dataset.value);
  };
  root.addEventListener("click", (event) => {
    const radio = event.target.closest("[role=radio]");
    if (radio) pick(radio);
  });
  root.addEventListener("keydown", (event) => {
    const all = radios();
    const at = all.indexOf(event.target.closest("[role=radio]"));
    if (at < 0) return;
    const move = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (move) pick(all[(at + move + all.length) % all.length]);
    else if (event.key === "Home") pick(all[0]);
    else if (event.key === "End") pick(all[all.length - 1]);
    else if (event.key === " " || event.key === "Enter") pick(all[at]);
    else return;
    event.preventDefault();
  });
  return mark;
}

function bytesOf(base64) {
  const chars = atob(base64);
  const bytes = new Uint8Array(chars.length);
  for (let i = 0; i < chars.length; i++) bytes[i] = chars.charCodeAt(i);
  return bytes;
}

function download(parts, type, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob(parts, { type }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}
