// What a link hides: settings by name, and parts of the page. The server has checked that they are such
// (ui/sharing/views.py).

export const PARTS = ["live", "advanced", "explanation", "tabs", "share"];
const OF_GENERATE = ["live", "advanced", "explanation"];
const PLACES = { // where a name alone does not lead to
  label: "#tiles",
  model: ".lab-model, #model-note, .lab-hub, #hub, #hub-note",
  sampler: "#setting-sampler, #setting-sampler + *",
  seed: "#setting-seed, #seed-mode",
  tabs: ".tab-wrapper:has([data-tab-id=generate])",
  live: "#live",
  advanced: "#advanced",
  explanation: ".lab-explain",
  share: ".sh-button",
};
const WORDS = { // of what is no setting of sampling
  digit: "noise.digit", index: "noise.other_digits", split: "noise.split", t: "noise.level",
  live: "live.switch", advanced: "generate.advanced", explanation: "how.title", tabs: "share.tabs", share: "share.menu",
};

export function applyHidden(names) {
  document.getElementById("lab-hidden")?.remove();
  if (!names.length) return;
  const style = document.createElement("style");
  style.id = "lab-hidden";
  style.textContent = `${names.map(placeOf).join(", ")} { display: none !important; }`;
  document.head.append(style);
}

// Whether a tab has something to hide by this name, at the moment.
export function present(name, tab) {
  if (OF_GENERATE.includes(name) && tab !== "generate") return false;
  return [...document.querySelectorAll(placeOf(name))].some((node) => node.checkVisibility());
}

export function nameOf(name, words) {
  const key = WORDS[name] ?? `settings.${name}.label`;
  const text = words.text(key);
  return text === key ? name : text;
}

function placeOf(name) {
  return `${PLACES[name] ?? `#setting-${name}`}, [data-setting="${name}"]`;
}
