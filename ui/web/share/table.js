// A run's frames as a table: where each is, and what an independent network sees in the finished images.

import { csvText } from "./csv.js";

export function csvOf({ frames, total, result }) {
  const found = result?.classifications ?? [];
  const head = ["step", "steps", "t", "alpha", "sigma", "seconds",
    ...found.flatMap((_, i) => [`predicted_${i + 1}`, `confidence_${i + 1}`])];
  const rows = frames.map(({ step, t, alpha, sigma, seconds }) => {
    const seen = step === total ? found.flat() : found.flatMap(() => ["", ""]);
    return [step, total, t, alpha, sigma, seconds, ...seen];
  });
  return csvText([head, ...rows]);
}
