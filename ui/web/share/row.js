// The row of buttons by which a view is taken away and brought back.

const icon = (path) => `<svg viewBox="0 0 24 24" aria-hidden="true"><path d="${path}"/></svg>`;
const LINK = icon("M10.6 13.4a1 1 0 0 1 0-1.4l4-4a3 3 0 1 1 4.3 4.3l-1.7 1.7-1.3-1.3 1.7-1.7a1.2 1.2 0 0 0-1.7-1.7l-4 4a1.2 1.2 0 0 0 0 1.7l-1.3 1.3zM13.4 10.6a1 1 0 0 1 0 1.4l-4 4a3 3 0 1 1-4.3-4.3l1.7-1.7 1.3 1.3-1.7 1.7a1.2 1.2 0 0 0 1.7 1.7l4-4a1.2 1.2 0 0 0 0-1.7l1.3-1.3z");
const PICTURE = icon("M4 5h16v14H4zm1.8 1.8v8.1l3.6-3.6 4 4 2.2-2.2 2.6 2.6V6.8zM15 8.3a1.5 1.5 0 1 1 0 3 1.5 1.5 0 0 1 0-3z");
const CODE = icon("M8.7 7.3 4 12l4.7 4.7 1.3-1.3L6.6 12 10 8.6zM15.3 7.3 14 8.6l3.4 3.4-3.4 3.4 1.3 1.3L20 12z");

// tab: see tabs.js; share: see share.js.
export function shareRow(tab, share) {
  const row = document.createElement("div");
  row.className = "sh-row";
  row.innerHTML = `<span class="sh-title" data-text="share.row"></span>
    ${button("link", LINK)}${button("code", CODE)}${button("picture", PICTURE)}
    <input type="file" accept="image/png" hidden>`;
  const on = (part, act) => row.querySelector(`[part=${part}]`).addEventListener("click", act);
  const file = row.querySelector("input");
  on("link", () => share.copyLink(tab));
  on("code", () => share.showCode(tab));
  on("picture", () => file.click());
  file.addEventListener("change", () => {
    if (file.files.length) share.openPicture(file.files[0]);
    file.value = ""; // so that the same one can be chosen again
  });
  share.words.keepApplied(row);
  return row;
}

function button(name, symbol) {
  return `<button type="button" class="dp-pill" data-label="share.${name}_help" part="${name}">${symbol}
    <span data-text="share.${name}"></span></button>`;
}
