// What a hand sets where Gradio starts no events: once it has given its server up, until it loads the page again. The
// controls move all the same, so each is looked at after the browser's own events, too, and what Gradio has not told
// `choices` is set there, to be kept over the reload.

const DELAY = 60; // ms in which Gradio's own event has come
const BEFORE = ["pointerdown", "focusin", "keydown"];
const EVENTS = [...BEFORE, "input", "change", "click", "focusout"]; // a list closes under the finger at once
const OTHERS = { tiles: "label", model: "model", "seed-mode": "seed_mode" }; // by id; the rest are #setting-NAME

export function noteMovedControls(root, choices) {
  const before = new Map(); // what each showed, by name
  const looks = new Map(); // that are due, by name: until then what it showed before is known
  const look = (name, control) => {
    looks.set(name, looks.get(name) - 1);
    const value = shown(control, choices);
    if (value === undefined || value === before.get(name)) return;
    before.set(name, value);
    if (value !== choices.values[name]) choices.set(name, value);
  };
  const note = ({ type, target }) => {
    const control = controlOf(target);
    if (!control) return;
    const name = nameOf(control);
    if (BEFORE.includes(type) && !looks.get(name)) before.set(name, shown(control, choices));
    looks.set(name, (looks.get(name) ?? 0) + 1);
    setTimeout(() => look(name, control), DELAY);
  };
  for (const type of EVENTS) root.addEventListener(type, note, true);
}

function controlOf(node) {
  return node.closest?.('[id^="setting-"], #tiles, #model, #seed-mode') ?? null;
}

function nameOf({ id }) {
  return OTHERS[id] ?? id.replace("setting-", "");
}

// The value of a control as it is seen; undefined where it shows none.
function shown(control, { lists }) {
  const find = (selector) => control.querySelector(selector);
  if (control.id === "tiles") return find("[role=radio][aria-checked=true]")?.dataset.value;
  if (find("[type=radio]")) return find("[type=radio]:checked")?.value;
  const list = find("[role=combobox]");
  if (list) return lists[nameOf(control)]?.find(([label]) => plain(label) === plain(list.value))?.[1];
  const number = find("[type=number]");
  if (number) return number.value === "" ? undefined : Number(number.value);
  return find("textarea, input")?.value;
}

function plain(label) {
  return label.replace(/\s+/g, " ").trim();
}
