// The player: its state and how that is drawn. playback.js lets time pass, messages.js brings in what the server and the
// page's buttons say, controls.js is the player's own buttons, downloads.js what they save. All share one scope.

element.firstElementChild.innerHTML = PLAYER_MARKUP;
const root = element.firstElementChild;
const part = Object.fromEntries([...root.querySelectorAll("[part]")].map((node) => [node.getAttribute("part"), node]));
const panes = [...root.querySelectorAll(".dp-pane")].map((node) => ({
  node,
  kind: node.dataset.kind,
  button: node.querySelector("button"),
  stage: new Stage(node.querySelector("canvas")),
}));
const track = new Track(part.track);
const calm = window.matchMedia("(prefers-reduced-motion: reduce)").matches;

let reel = null; // the run on show
let at = 0; // the frame on show, by its place in reel.frames
let mode = "rest"; // "rest", "play" (of what is here) or "live" (follow the computation)
let phase = "example"; // "example", "waiting", "running", "stopped", "finished", "live", "failed", "idle": what the status line says
let view = "both";
let only = null; // the enlarged image's index, or null
let smooth = false;
let awaited = null; // the name of the run of which nothing has come yet
let failure = "";
let queued = ""; // how many are ahead in the queue

const words = () => TEXTS[language()];
const frame = () => (reel ? reel.frames[at] : null);

function drawPicture() {
  const now = frame();
  if (!now) return;
  const badges = at === reel.last && reel.done ? reel.badges : null;
  arrangePanes();
  const shown = panes.filter((pane) => !pane.node.hidden);
  const read = shown.find((pane) => pane.kind !== "input"); // the pane with what the classifier reads
  for (const pane of shown) {
    const { bitmap, ready } = pictureOf(pane.kind, now);
    if (bitmap) pane.stage.draw(bitmap, reel.shape, { only, smooth, badges: pane === read ? badges : null });
    else ready.then(() => now === frame() && drawPicture());
  }
}

// The small images that a run enlarges are the same in all of its frames.
function pictureOf(kind, now) {
  return kind === "input" ? reel.input : now[kind];
}

// The input is there whenever the run has one; the view chooses among the other two.
function arrangePanes() {
  const enlarges = Boolean(reel && reel.input);
  for (const { node, kind } of panes) {
    node.hidden = kind === "input" ? !enlarges : view !== "both" && view !== kind;
  }
  part.stage.dataset.view = view;
  part.stage.classList.toggle("dp-enlarges", enlarges);
}

function phaseOf(now) {
  if (now.sigma === 0 || (reel.done && at === reel.last)) return "phase_clean";
  const share = noiseShare(now);
  return share > 0.985 ? "phase_pure" : share > 0.7 ? "phase_noise" : share > 0.25 ? "phase_shape" : "phase_detail";
}

function drawNumbers() {
  const now = frame();
  if (!now) return;
  write(part.step, `${now.step} / ${reel.total}`);
  write(part.time, now.t.toFixed(3));
  write(part.noise, now.sigma.toFixed(3));
  write(part.alpha, now.alpha.toFixed(2));
  write(part.sigma, now.sigma.toFixed(2));
  write(part.seconds, `${now.seconds.toFixed(2)} s`);
  write(part.phase, words()[phaseOf(now)]);
  part.scrub.max = reel.total;
  part.scrub.value = now.step;
  part.scrub.setAttribute("aria-valuetext", fillIn(words().announce, {
    step: now.step, total: reel.total, noise: Math.round(100 * noiseShare(now)),
  }));
  root.dataset.step = now.step;
  track.draw(reel.frames, reel.total, now.step);
}

function readingsSentence() {
  const readings = reel && reel.done && reel.result.readings;
  if (!readings) return "";
  const { labels } = reel.result;
  if (labels[0] !== "") {
    const right = readings.filter(([text], i) => text === labels[i]).length;
    const sentence = reel.label === "" ? words().read_right : words().read_as;
    return fillIn(sentence, { right, n: readings.length, label: reel.label });
  }
  const counts = new Map();
  for (const [text] of readings) counts.set(text, (counts.get(text) || 0) + 1);
  const list = [...counts].sort(([a], [b]) => a.localeCompare(b)).map(([text, n]) => (n > 1 ? `${text} ×${n}` : text));
  return fillIn(words().reads, { list: list.join(", ") });
}

function statusSentence() {
  if (phase === "example") return words()[reel ? "example" : "example_wait"];
  if (phase === "waiting") return queued ? fillIn(words().queued, { n: queued }) : words().waiting;
  if (phase === "running") return words().running;
  if (phase === "stopped") return reel ? fillIn(words().stopped, { step: reel.step, total: reel.total }) : words().stop;
  if (phase === "live") return words().following;
  if (phase === "finished") return fillIn(words().finished, { seconds: reel.seconds.toFixed(2) });
  return "";
}

function drawStatus() {
  const sentence = statusSentence();
  write(part.status, sentence);
  const count = { running: () => `${reel.step} / ${reel.total}`, live: () => `${Math.round(1000 * reel.seconds)} ms` };
  write(part.count, phase in count ? count[phase]() : "");
  part.banner.hidden = failure === "";
  write(part.banner, failure);
  write(part.reads, readingsSentence());
  root.dataset.phase = phase;
  if (reel) root.dataset.frames = reel.frames.length;
  const symbol = mode === "play" ? "pause" : "play";
  if (part.play.dataset.label !== symbol) part.play.innerHTML = ICONS[symbol];
  part.play.dataset.label = symbol;
  for (const name of ["play", "back", "forward", "png", "scrub"]) part[name].disabled = !reel;
  part.gif.disabled = !reel || writing;
}

// All words, as after a change of the language or of the phase.
function drawWords() {
  drawStatus();
  applyTexts(root);
  for (const pane of panes) {
    const name = words()[{ input: "input", x: "noisy", x0: "guess" }[pane.kind]];
    const hint = words()[only === null ? "enlarge" : "shrink"];
    pane.button.setAttribute("aria-label", `${name}. ${reel && reel.done ? readingsSentence() : ""} ${hint}`);
    pane.button.title = hint;
  }
}

function draw() {
  drawPicture();
  drawNumbers();
  drawWords();
}
