// Tables as files (CSV, RFC 4180) that spreadsheets open as they are: the mark at the beginning says that they are UTF-8.

// lines: lists of cells, with the head first; a cell that is undefined or null stays empty.
export function csvText(lines) {
  return `\ufeff${lines.map((line) => `${line.map(cell).join(",")}\r\n`).join("")}`;
}

// A text that a spreadsheet would take for a formula stays a text.
function cell(value) {
  const text = String(value ?? "");
  const safe = /^[=+\-@\t\r]/.test(text) && Number.isNaN(Number(text)) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
