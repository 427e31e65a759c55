// Small helpers for elements: text, radio groups, files.

// Write only what has changed: writing it again would lay the element out anew.
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

// A group of role="radio" elements with one tab stop, in which arrow keys choose and wrap around (WAI-ARIA's pattern).
// Those that are hidden take no part. Returns a function that marks a value as chosen without calling `onPick`.
export function radioGroup(root, onPick) {
  const radios = () => [...root.querySelectorAll("[role=radio]:not([hidden])")];
  let marked = null;
  const mark = (value) => {
    marked = value;
    const all = radios();
    const chosen = all.find((radio) => radio.dataset.value === value);
    for (const radio of root.querySelectorAll("[role=radio]")) {
      radio.setAttribute("aria-checked", String(radio === chosen));
      radio.tabIndex = radio === (chosen || all[0]) ? 0 : -1;
    }
  };
  new MutationObserver(() => mark(marked)).observe(root, { subtree: true, attributeFilter: ["hidden"] });
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
    const index = all.indexOf(event.target.closest("[role=radio]"));
    if (index < 0) return;
    const move = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (move) pick(all[(index + move + all.length) % all.length]);
    else if (event.key === "Home") pick(all[0]);
    else if (event.key === "End") pick(all[all.length - 1]);
    else if (event.key === " " || event.key === "Enter") pick(all[index]);
    else return;
    event.preventDefault();
  });
  return mark;
}

export function bytesOf(base64) {
  const characters = atob(base64);
  const bytes = new Uint8Array(characters.length);
  for (let i = 0; i < characters.length; i++) bytes[i] = characters.charCodeAt(i);
  return bytes;
}

export function download(parts, type, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob(parts, { type }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

// From now on, disabling this button leaves it in the order of focus, where it was pressed, and only keeps it from
// acting: a disabled button loses the focus, and whoever works by keyboard or ear is back at the top of the page. Once
// left, it is passed over.
export function keepFocus(button) {
  const disabled = () => button.getAttribute("aria-disabled") === "true";
  const set = (off) => {
    button.setAttribute("aria-disabled", String(Boolean(off)));
    passOver();
  };
  const passOver = () => (button.tabIndex = disabled() && document.activeElement !== button ? -1 : 0);
  set(button.disabled);
  button.removeAttribute("disabled");
  Object.defineProperty(button, "disabled", { configurable: true, get: disabled, set });
  button.addEventListener("focusout", () => setTimeout(passOver));
  button.addEventListener("click", (event) => disabled() && event.stopImmediatePropagation(), true);
}

// As keepFocus, of a button that is hidden where it has nothing to do: from under somebody's keyboard it is only once it
// is left. Returns a function that hides it, or brings it back.
export function hidesWhenLeft(button) {
  keepFocus(button);
  const hide = () => (button.hidden = button.disabled && !button.matches(":focus-visible"));
  button.addEventListener("focusout", () => setTimeout(hide));
  return (hidden) => {
    button.disabled = hidden;
    hide();
  };
}

// Fills an element anew. Whoever is on a button in it is on the one that has taken its place then, the same by `keyOf`.
export function refill(root, children, keyOf) {
  const { activeElement } = document;
  const key = root.contains(activeElement) ? keyOf(activeElement) : undefined;
  root.replaceChildren(...children);
  if (key === undefined) return;
  const twin = [...root.querySelectorAll("button")].find((button) => keyOf(button) === key);
  twin?.focus({ preventScroll: true });
}
