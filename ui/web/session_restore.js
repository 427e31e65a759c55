// What was chosen and the run on show outlive a page that is loaded again: by a person, or by Gradio once a lost server
// is back, also another site's page that the app is on. Both come back together, or neither. A page that is opened anew
// begins afresh.

const KEY = "digit-diffusion-lab-restore";
const PASSING = /_note$|^(notice|live|hub)$/; // among the values: what nobody has chosen for long

// place: which of the apps on the page it is, from 0 on. session: { values, typed, messages, again }: the controls by
// name; whether the seed is a hand's; the messages of the run; whether to begin a run. storage: a function that returns
// sessionStorage, or throws.
export function save(place, { values, messages, ...others }, storage = () => sessionStorage) {
  const lasting = Object.fromEntries(Object.entries(values).filter(([name]) => !PASSING.test(name)));
  for (let run = messages; ; run = thinned(run)) {
    try {
      storage().setItem(KEY + place, JSON.stringify({ ...others, values: lasting, messages: run }));
      return;
    } catch (error) {
      if (error.name !== "QuotaExceededError" || thinned(run).length === run.length) return;
    }
  }
}

// What was saved, once: a session, or null.
export function take(place, storage = () => sessionStorage) {
  try {
    const saved = JSON.parse(storage().getItem(KEY + place));
    storage().removeItem(KEY + place);
    const whole = saved && saved.values && typeof saved.values === "object" && Array.isArray(saved.messages);
    return whole ? saved : null;
  } catch {
    return null;
  }
}

// Every other message of a run, the first and the last among them.
function thinned(messages) {
  return messages.filter((_, i) => i % 2 === 0 || i === messages.length - 1);
}
