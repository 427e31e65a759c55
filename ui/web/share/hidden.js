// What a link hides: settings by name, and parts of the page. The server has checked that they are such.

const PLACES = { // where a name alone does not lead to
  label: "#tiles",
  model: ".lab-model, #model-note, #hub",
  sampler: "#setting-sampler, #setting-sampler + *",
  seed: "#setting-seed, #seed-mode",
  tabs: ".tab-wrapper:has([data-tab-id=generate])",
  live: "#live",
  advanced: "#advanced",
  explanation: ".lab-explain",
  share: ".sh-button",
};

export function applyHidden(names) {
  document.getElementById("lab-hidden")?.remove();
  if (!names.length) return;
  const style = document.createElement("style");
  style.id = "lab-hidden";
  const places = names.map((name) => `${PLACES[name] ?? `#setting-${name}`}, [data-setting="${name}"]`);
  style.textContent = `${places.join(", ")} { display: none !important; }`;
  document.head.append(style);
}
