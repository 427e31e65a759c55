// Live drawing: the sheet follows the controls while they move. The page's events call what stands in digitPlayer.live
// (ui/live.py); `values` are what Generate would be told, all at once or one at its place, `model` is one of them.

const PATIENCE = 10000; // ms: a request that takes longer does not hold up the next
const PAUSE = 2000; // ms before a server that could not answer is asked again

const live = {
  on: false,
  model: null, // that the controls fit: while another one is being chosen they are about to change
  values: [], // a copy, kept up by all events that change one
  shown: 0, // sheets, each once it is on the canvas
  last: 0, // the number of the request that the sheet on show answers

  // Before the server hears of the switch.
  turn(on, model) {
    this.model = model;
    return [on, model];
  },

  // The server has heard of it. If it has chosen another model, `settle` comes once that is here.
  turned(on, model, values) {
    if (model !== this.model) return;
    this.settle(on, model, values);
    this.follow();
  },

  // The controls fit a model, and one another.
  settle(on, model, values) {
    if (this.on && !on) endLive();
    if (this.on !== on) arrange(on);
    this.on = on;
    this.model = model;
    this.values = values;
    if (!busy()) this.follow();
  },

  // A hand has moved a control: its value at its place, or all values.
  move(model, changed) {
    this.values = Object.assign([...this.values], changed);
    if (model === this.model) this.follow();
  },

  follow() {
    if (this.on) newest.want(this.values);
  },
};

const newest = new Newest((number, values) => server.draw_live([number, ...values]), showLive, PATIENCE, PAUSE);
window.digitPlayer.live = Object.assign(live, { newest });

// live.css puts the picture above the controls on a phone: what has just been pressed stays under the finger.
function arrange(on) {
  document.querySelector(".lab-grid").dataset.live = on;
  if (window.innerWidth < 761) document.querySelector(".lab-buttons").scrollIntoView({ block: "end" });
}

function busy() {
  return phase === "waiting" || phase === "running";
}

// answer: a message of the server; nothing where it has too much to do, or cannot be reached.
function showLive(answer, number) {
  const message = answer || JSON.stringify({ run: "live", error: words().failed });
  const { run, error } = JSON.parse(message);
  if (busy()) {
    if (error) return;
    document.querySelector("#stop").click(); // of a film that nobody sees the rest of
  }
  awaited = run;
  receive(message);
  if (phase !== "live") return;
  const sheet = reel;
  Promise.all([frame().x.ready, frame().x0.ready]).then(() => {
    if (reel !== sheet) return;
    live.shown++;
    live.last = number;
  });
}

function endLive() {
  newest.forget();
  if (phase === "failed") failure = "";
  if (phase === "failed" || phase === "live") phase = !reel ? "idle" : reel.example ? "example" : "finished";
  draw();
}
