// Everything in the browser that relies on how Gradio is made inside, for Gradio 6.31. Styles that do are in gradio.css,
// the server's side in ui/gradio_workarounds.py. None of these is about speed.

// Gradio's dropdown opens its list at any key, also at Tab, with which a person goes on to the next control: the list then
// covers what the focus has moved to. Gradio listens on the element; this comes first and keeps Tab from it.
export function letTabPassDropdowns(root = document) {
  root.addEventListener("keydown", (event) => {
    if (event.key === "Tab" && event.target.getAttribute?.("role") === "combobox") event.stopPropagation();
  }, true);
}

// Whether Gradio says that it has lost its server. It reloads the page once that is back, and tells nobody: there is no
// event of it, but its notice stays on the page until then.
export function connectionLost() {
  return document.querySelector(".toast-body.error") !== null;
}

// How many events wait in Gradio's queue, or null where that is unknown; rejects where the server cannot be reached. Gradio
// reports the place of an event only to its own status line on the components that the event changes.
export async function queueSize() {
  const response = await fetch(new URL("gradio_api/queue/status", document.baseURI));
  return response.ok ? (await response.json()).queue_size : null;
}

// Dark mode is a class of the body.
export function isDark() {
  return document.body.classList.contains("dark");
}

export function setDark(dark) {
  document.body.classList.toggle("dark", dark);
}
