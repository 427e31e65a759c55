// Settings in words, such as "Steps 20".

export function settingWords(name, value, words) {
  const key = `settings.${name}.label`;
  const label = words.text(key);
  const shown = name === "label" && value === "" ? words.text("tiles.any") : value;
  return `${label === key ? name : label} ${shown}`;
}

// What goes on from a step with other settings. titles: { sampler, model }, what each is called, where that is known.
export function forkWords(step, changes, titles, words) {
  const named = changesWords(changes, titles, words);
  return words.text("fork.what", { step, changes: named });
}

export function changesWords(changes, titles, words) {
  const shown = {
    label: (value) => value || words.text("tiles.any"),
    sampler: (value) => titles.sampler?.[value] ?? value,
    model: (value) => titles.model?.[value]?.[words.language] ?? value,
  };
  const named = Object.entries(changes).map(([name, value]) =>
    words.text("fork.change", { name: words.text(`settings.${name}.label`), value: shown[name]?.(value) ?? value }));
  return named.join(" · ") || words.text("fork.unchanged");
}
