// What to begin with: experiments, each with one thing to look for. The first is on show when the tab is opened.

const STEPS = { rows: "sampler", row_values: "", columns: "steps", column_values: "" };
const LABELLED = { label: "5", seed: 0, num_images: 1 };

// title, look: keys of words; choice: settings by name; worth, cost: what is plotted (costs.js).
export const EXPERIMENTS = [
  { title: "compare.try_steps", look: "compare.look_steps", choice: { ...STEPS, ...LABELLED }, worth: "distance" },
  {
    title: "compare.try_race",
    look: "compare.look_race",
    choice: { rows: "calls", row_values: "8, 16, 32", columns: "sampler", column_values: "", ...LABELLED },
    worth: "distance",
  },
  {
    title: "compare.try_guidance",
    look: "compare.look_guidance",
    choice: { rows: "seed", row_values: "0..3", columns: "guidance_scale", column_values: "0, 1, 2, 4, 8", ...LABELLED },
    worth: "share",
    cost: "value",
  },
  {
    title: "compare.try_eta",
    look: "compare.look_eta",
    choice: { rows: "eta", row_values: "0, 0.5, 1", columns: "steps", column_values: "4, 8, 16, 32, 64", ...LABELLED, sampler: "ddim" },
    worth: "distance",
  },
  {
    title: "compare.try_models",
    look: "compare.look_models",
    choice: { rows: "model", row_values: "", columns: "label", column_values: "0, 2, 4, 5, 7, 8", ...LABELLED },
    worth: "share",
  },
];

// The experiment that a choice is, whatever its digit, noise and model are; or null.
export function experimentOf(choice) {
  const same = (wanted) => ["rows", "row_values", "columns", "column_values"].every((name) => wanted[name] === choice[name]);
  return EXPERIMENTS.find((each) => same(each.choice)) ?? null;
}
