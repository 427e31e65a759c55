// A run's frames as a table (CSV, RFC 4180): where each is, and what an independent network sees in the finished images.

export function csvOf({ frames, total, result }) {
  const found = result?.classifications ?? [];
  const head = ["step", "steps", "t", "alpha", "sigma", "seconds",
    ...found.flatMap((_, i) => [`predicted_${i + 1}`, `confidence_${i + 1}`])];
  const rows = frames.map(({ step, t, alpha, sigma, seconds }) => {
    const seen = step === total ? found.flat() : found.flatMap(() => ["", ""]);
    return [step, total, t, alpha, sigma, seconds, ...seen];
  });
  return [head, ...rows].map((row) => `${row.map(cell).join(",")}\r\n`).join("");
}

// A text that a spreadsheet would take for a formula stays a text.
function cell(value) {
  const text = String(value);
  const safe = typeof value === "string" && /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
