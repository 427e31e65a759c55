// What is kept when Gradio loads the page anew, as it does once a server that was lost answers again: the run on show and
// the controls. A page that a person loads anew begins afresh, unless an error is on show.

const KEPT = "digit-diffusion-lab-kept";
let keptValues = null; // of the controls, as Generate would be told them; null where none are known

window.addEventListener("pagehide", () => {
  if (!document.querySelector(".toast-body.error")) return; // nothing was lost
  try {
    sessionStorage.setItem(KEPT, JSON.stringify({ values: live.values, film: reel && !reel.example ? reel.messages : [] }));
  } catch {
    // closed, or too small
  }
});

// Once, as soon as the player is there: the run.
function restoreFilm() {
  let kept = null;
  try {
    kept = JSON.parse(sessionStorage.getItem(KEPT));
    sessionStorage.removeItem(KEPT);
  } catch {
    return;
  }
  if (!kept) return;
  keptValues = kept.values;
  if (!kept.film.length) return;
  reel = new Reel(kept.film[0]);
  for (const message of kept.film.slice(1)) reel.take(message);
  at = reel.last;
  reel.stopped = !reel.done;
  phase = reel.done ? "finished" : "stopped";
  draw();
}

// Once the page is set up (ui/app.py): the values of so many controls, or what leaves them alone. Another model than the
// page's own, which stands at `place`, sets up the other controls itself, for the label that was chosen.
window.digitPlayer.restore = (count, place, own) => {
  const known = keptValues || [];
  const other = known[place] !== own;
  const wanted = (i) => (known[i] ?? null) !== null && (!other || i === 0 || i === place);
  return Array.from({ length: count }, (_, i) => (wanted(i) ? known[i] : { __type__: "update" }));
};

restoreFilm();
