// Gradio's sign that the page is loading goes away before it has heard that loading is over, and would count its time at
// every frame of the screen for as long as the page is open: a tenth of a core, and a telephone's battery. Nobody sees
// that count, so it is not scheduled. This runs before Gradio's own scripts (ui/head.py), and does nothing where those
// count in another way.
{
  const schedule = window.requestAnimationFrame.bind(window);
  const counts = (callback) => /performance\.now\(\) ?- ?.*\/ ?1e3/.test(callback);
  window.requestAnimationFrame = (callback) => (counts(callback) ? 0 : schedule(callback));
}

// Gradio's dropdown opens its list at any key, also at the one with which a person goes on to the next control.
document.addEventListener("keydown", (event) => {
  if (event.key === "Tab" && event.target.getAttribute("role") === "combobox") event.stopPropagation();
}, true);
