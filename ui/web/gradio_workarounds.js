// Everything in the browser that relies on how Gradio 6.31 is made inside, each with its reason and its gain. None is
// about speed. Styles that do are in gradio.css, the server's side in ui/gradio_workarounds.py; header.js sets the
// document's title and language after Gradio has.

// Reason: Gradio's dropdown opens its list at any key, also at Tab, with which a person goes on to the next control.
// Gain: without this the list stays open over that control. Gradio listens on the element; this comes first.
export function letTabPassDropdowns(root = document) {
  root.addEventListener("keydown", (event) => {
    if (event.key === "Tab" && event.target.getAttribute?.("role") === "combobox") event.stopPropagation();
  }, true);
}

// Whether Gradio shows a notice of an error, as it does from the moment it has lost its server until it reloads the
// page. Reason: there is no event of it. Gain: the run and the controls are kept for after that reload
// (session_restore.js).
export function connectionLost() {
  return document.querySelector(".toast-body.error") !== null;
}

// How many events wait in Gradio's queue, or null where that is unknown; rejects where the server cannot be reached.
// Reason: Gradio reports the place of an event only to its own status line, which takes the place of the player. Gain:
// people see how many are ahead of them, and a server that is gone is noticed (run_control.js).
export async function queueSize() {
  const response = await fetch(new URL("gradio_api/queue/status", document.baseURI));
  return response.ok ? (await response.json()).queue_size : null;
}

// Reason: Gradio chooses between light and dark when it starts, and has no switch. Dark mode is a class of the body.
export function isDark() {
  return document.body.classList.contains("dark");
}

export function setDark(dark) {
  document.body.classList.toggle("dark", dark);
}

// Reason: which tab is open is Gradio's to know; from outside it changes by a click alone. Its buttons carry the tab's id.
// Gain: a link leads to its tab (tabs.js).
export function openTab(id) {
  const button = document.querySelector(`[data-tab-id="${CSS.escape(id)}"]`);
  if (button?.getAttribute("aria-selected") !== "true") button?.click();
}
