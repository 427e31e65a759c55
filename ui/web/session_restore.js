// The run on show and the controls' values outlive a reload by Gradio, which loads the page anew once a lost server is
// back. A page that a person reloads begins afresh.

const KEY = "digit-diffusion-lab-restore";

// storage: a function that returns sessionStorage, or throws. values: of the controls by name; messages: of the run.
export function save(values, messages, storage = () => sessionStorage) {
  try {
    storage().setItem(KEY, JSON.stringify({ values, messages }));
  } catch {
    // closed, or too small
  }
}

// What was saved, once: { values, messages }, or null.
export function take(storage = () => sessionStorage) {
  try {
    const saved = JSON.parse(storage().getItem(KEY));
    storage().removeItem(KEY);
    const whole = saved && saved.values && typeof saved.values === "object" && Array.isArray(saved.messages);
    return whole ? saved : null;
  } catch {
    return null;
  }
}

// Of these values, those to put back into the controls of a page with this model. Another model than the page's own
// sets the other controls itself, for the label that was chosen.
export function toPutBack(values, model) {
  const other = values.model !== model;
  const wanted = ([name, value]) => value !== null && (!other || name === "label" || name === "model");
  return Object.fromEntries(Object.entries(values).filter(wanted));
}
