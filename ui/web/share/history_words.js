// What an entry of the history is called.

import { changesWords, forkWords, settingWords } from "./setting_words.js";

const CAPTIONS = {
  compare: ({ rows, columns }, words) => [rows, columns].map((name) => words.text(`settings.${name}.label`)).join(" × "),
  noise: ({ digit, pixels, t }, words) =>
    pixels ? words.text("share.drawn_at", { t }) : words.text("share.digit_at", { digit, t }),
};

// A line below its picture; before: the entry of the same tab that came before it, if any.
export function captionOf({ tab, values }, before, words) {
  if (tab in CAPTIONS) return CAPTIONS[tab](values, words);
  if (!values.forks) return settingWords(...difference(values, before?.values), words);
  const named = changesWords(lastFork(values).changes, {}, words);
  return words.text("share.fork", { changes: named });
}

// All that there is to say.
export function titleOf({ tab, values }, words) {
  const { rows, row_values, columns, column_values, forks, ...others } = values;
  const axes = [[rows, row_values], [columns, column_values]].filter(([name]) => name);
  const settings = [...axes, ...Object.entries(others)].filter(([name, value]) => value !== "" && words.has(`settings.${name}.label`));
  const parts = settings.map(([name, value]) => settingWords(name, value, words));
  if (tab === "noise") parts.unshift(CAPTIONS.noise(values, words));
  if (forks) {
    const { step, changes } = lastFork(values);
    parts.push(forkWords(step, changes, {}, words));
  }
  return parts.join(" · ");
}

// What sets settings apart from those before them: [name, value] of one; of several the first that is no seed.
export function difference(values, before) {
  const changed = Object.keys(values).filter((name) => values[name] !== before?.[name]);
  const name = (before ? changed : ["label", ...changed]).find((each) => each !== "seed") ?? changed[0] ?? "label";
  return [name, values[name] ?? ""];
}

function lastFork({ forks }) {
  const { step, ...changes } = JSON.parse(forks).at(-1);
  return { step, changes };
}
