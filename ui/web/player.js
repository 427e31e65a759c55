// The player itself. In: messages (ui/player.py) through props.value. Nothing is ever asked of the server again.

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
let phase = "example"; // "example", "waiting", "running", "stopped", "finished", "failed", "idle": what the status line says
let view = "both";
let only = null; // the enlarged image's index, or null
let smooth = false;
let expecting = false; // Generate was pressed, and nothing of its run has come yet
let failure = "";
let queued = ""; // how many are ahead in the queue
let clock = 0; // time of the last frame change, ms
const LATE = 5000; // within so many ms after Stop, the end that is reported may be the stopped run's
let stoppedAt = -LATE;

const words = () => TEXTS[language()];
const frame = () => (reel ? reel.frames[at] : null);

// ---- drawing ---------------------------------------------------------------------------------------------------------

function drawPicture() {
  const now = frame();
  if (!now) return;
  const badges = at === reel.last && reel.done ? reel.badges : null;
  const shown = panes.filter((pane) => !pane.node.hidden);
  for (const pane of shown) {
    const { bitmap, ready } = now[pane.kind];
    if (bitmap) pane.stage.draw(bitmap, reel.shape, { only, smooth, badges: pane === shown[0] ? badges : null });
    else ready.then(() => now === frame() && drawPicture());
  }
}

function phaseOf(now) {
  if (now.sigma === 0 || (reel.done && at === reel.last)) return "phase_clean";
  const share = noiseShare(now);
  return share > 0.985 ? "phase_pure" : share > 0.7 ? "phase_noise" : share > 0.25 ? "phase_shape" : "phase_detail";
}

function drawNumbers() {
  const now = frame();
  if (!now) return;
  part.step.textContent = `${now.step} / ${reel.total}`;
  part.time.textContent = now.t.toFixed(3);
  part.noise.textContent = now.sigma.toFixed(3);
  part.alpha.textContent = now.alpha.toFixed(2);
  part.sigma.textContent = now.sigma.toFixed(2);
  part.seconds.textContent = `${now.seconds.toFixed(2)} s`;
  part.phase.textContent = words()[phaseOf(now)];
  part.scrub.max = reel.total;
  part.scrub.value = now.step;
  part.scrub.setAttribute("aria-valuetext", fillIn(words().announce, {
    step: now.step, total: reel.total, noise: Math.round(100 * noiseShare(now)),
  }));
  root.dataset.step = now.step;
  root.dataset.frames = reel.frames.length;
  track.draw(reel.frames, reel.total, now.step);
}

function readingsSentence() {
  const readings = reel && reel.done && reel.result.readings;
  if (!readings) return "";
  if (reel.label !== "") {
    const right = readings.filter(([text]) => text === reel.label).length;
    return fillIn(words().read_as, { right, n: readings.length, label: reel.label });
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
  if (phase === "finished") return fillIn(words().finished, { seconds: reel.seconds.toFixed(2) });
  return "";
}

function drawStatus() {
  const sentence = statusSentence();
  if (part.status.textContent !== sentence) part.status.textContent = sentence;
  part.count.textContent = phase === "running" ? `${reel.step} / ${reel.total}` : "";
  part.banner.hidden = failure === "";
  if (part.banner.textContent !== failure) part.banner.textContent = failure;
  part.reads.textContent = readingsSentence();
  root.dataset.phase = phase;
  const playing = mode === "play";
  part.play.innerHTML = playing ? ICONS.pause : ICONS.play;
  part.play.dataset.label = playing ? "pause" : "play";
  for (const name of ["play", "back", "forward", "png", "gif", "scrub"]) part[name].disabled = !reel;
}

function draw() {
  drawPicture();
  drawNumbers();
  drawStatus();
  applyTexts(root);
  for (const pane of panes) {
    const name = words()[pane.kind === "x" ? "noisy" : "guess"];
    const hint = words()[only === null ? "enlarge" : "shrink"];
    pane.button.setAttribute("aria-label", `${name}. ${reel && reel.done ? readingsSentence() : ""} ${hint}`);
    pane.button.title = hint;
  }
}

// ---- time ------------------------------------------------------------------------------------------------------------

function show(place) {
  at = Math.max(0, Math.min(reel.last, place));
  drawPicture();
  drawNumbers();
}

function setMode(next) {
  const idle = mode === "rest";
  mode = next;
  drawStatus();
  applyTexts(root);
  if (idle && next !== "rest") {
    clock = performance.now();
    requestAnimationFrame(tick);
  }
}

// Milliseconds that a frame stands: a run of 20 steps takes about 2 s, one of 120 frames about 5 s.
function pause() {
  return Math.max(42, 100 - reel.frames.length) / Number(part.speed.value);
}

// Move on by some frames, but never to one that is not decoded yet.
function advance(frames) {
  let place = Math.min(at + frames, reel.last);
  while (place > at && !(reel.frames[place].x.bitmap && reel.frames[place].x0.bitmap)) place--;
  if (place > at) show(place);
}

function tick(now) {
  if (mode === "rest" || !reel) return;
  if (mode === "live") {
    // one after another as they come, in larger strides where the computation is ahead of the eye
    const behind = reel.last - at;
    if (behind > 0 && now - clock >= 30) {
      clock = now;
      advance(Math.ceil(behind / 12));
      drawStatus();
    } else if (behind === 0 && phase !== "running" && phase !== "waiting") {
      setMode("rest");
      draw();
      return;
    }
  } else if (at === reel.last) {
    if (part.loop.getAttribute("aria-pressed") !== "true") return setMode("rest");
    if (now - clock > 1200) {
      clock = now;
      show(0);
    }
  } else if (now - clock >= pause()) {
    const frames = Math.max(1, Math.min(4, Math.floor((now - clock) / pause())));
    clock = now;
    advance(frames);
  }
  requestAnimationFrame(tick);
}

function goTo(place) {
  setMode("rest");
  show(place);
}

// ---- messages --------------------------------------------------------------------------------------------------------

function receive(text) {
  if (!text) return;
  const message = JSON.parse(text);
  if (message.error) {
    if (!expecting && message.run !== "example" && !(reel && reel.run === message.run)) return;
    expecting = false;
    phase = "failed";
    failure = message.error;
    setMode("rest");
    return draw();
  }
  if (reel && reel.run === message.run) {
    if (reel.stopped) return;
    reel.take(message);
  } else {
    if (message.example ? reel : !expecting) return; // a person was faster than the example; a run was stopped
    expecting = false;
    if (reel) reel.close();
    reel = new Reel(message);
    at = 0;
    if (only !== null && only >= reel.shape.count) only = null;
    if (message.example) {
      if (calm) at = reel.last;
      else setMode("play");
    } else {
      phase = "running";
      setMode("live");
    }
    draw();
  }
  if (reel.done && !reel.example) phase = "finished";
  drawStatus();
}

// What the buttons of the page tell the player (ui/generate_tab.py).
window.digitPlayer = {
  begin() {
    if (phase === "waiting" || phase === "running") return; // a double click
    phase = "waiting";
    expecting = true;
    failure = "";
    queued = "";
    if (reel) reel.stopped = true; // whatever still comes of an earlier run is late
    draw();
    if (window.innerWidth < 761) root.scrollIntoView({ behavior: calm ? "auto" : "smooth", block: "start" });
  },
  // Whether nothing is running any more, as after every stop.
  stop() {
    if (phase !== "waiting" && phase !== "running") return true;
    stoppedAt = performance.now();
    if (phase === "running") reel.stopped = true;
    phase = phase === "running" ? "stopped" : "idle";
    expecting = false;
    draw();
    return true;
  },
  // A run has ended; true unless it is the stopped one, whose end comes when the next is under way.
  end() {
    const late = performance.now() - stoppedAt < LATE;
    stoppedAt = -LATE;
    if (phase !== "waiting" && phase !== "running") return true;
    if (late) return false;
    phase = "failed";
    expecting = false;
    failure = words().failed;
    draw();
    return true;
  },
};

// How many are ahead stands in Gradio's own progress line, as "queue: 3/7 |"; here it is said in words.
new MutationObserver(([{ target }]) => {
  const line = target.nodeType === Node.TEXT_NODE ? target.parentNode : target;
  const place = /queue:\s*(\d+)\s*\/\s*\d+/.exec(line.textContent); // not the seconds, "0.3/1.4s"
  queued = place && Number(place[1]) > 1 ? String(Number(place[1]) - 1) : "";
  if (phase === "waiting") drawStatus();
}).observe(document.querySelector("#queue-line"), { subtree: true, childList: true, characterData: true });

watch("value", () => receive(props.value));

// ---- controls --------------------------------------------------------------------------------------------------------

part.play.addEventListener("click", () => {
  if (mode === "play") return setMode("rest");
  if (at === reel.last) show(0);
  setMode("play");
});
part.back.addEventListener("click", () => goTo(at - 1));
part.forward.addEventListener("click", () => goTo(at + 1));
part.scrub.addEventListener("input", () => {
  const step = Number(part.scrub.value);
  const later = reel.frames.findIndex((one) => one.step > step);
  goTo((later < 0 ? reel.frames.length : later) - 1);
});
part.scrub.addEventListener("keydown", (event) => {
  const move = { ArrowLeft: at - 1, ArrowDown: at - 1, ArrowRight: at + 1, ArrowUp: at + 1, Home: 0, End: Infinity };
  if (event.key === " ") part.play.click();
  else if (event.key in move) goTo(move[event.key]);
  else return;
  event.preventDefault();
});
for (const name of ["loop", "smooth"]) {
  part[name].addEventListener("click", () => {
    const on = part[name].getAttribute("aria-pressed") !== "true";
    part[name].setAttribute("aria-pressed", String(on));
    if (name === "smooth") smooth = on;
    drawPicture();
  });
}

function setView(next) {
  view = next;
  for (const pane of panes) pane.node.hidden = view !== "both" && view !== pane.kind;
  part.stage.dataset.view = view;
  drawPicture();
}
radioGroup(part.views, setView)(view);
setView(view);

for (const pane of panes) {
  pane.button.addEventListener("click", (event) => {
    if (!reel) return;
    // a click by keyboard has no place: it enlarges the first image
    const pointed = event.detail === 0 ? 0 : pane.stage.at(event);
    only = only === null ? pointed : null;
    draw();
  });
  pane.button.addEventListener("keydown", (event) => {
    const move = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (event.key === "Escape") only = null;
    else if (move && only !== null) only = (only + move + reel.shape.count) % reel.shape.count;
    else return;
    event.preventDefault();
    draw();
  });
}

// ---- downloads -------------------------------------------------------------------------------------------------------

function fileName(ending) {
  return `${(reel.label || "digits").replace(/[^\w-]+/g, "_")}-seed${reel.seed}.${ending}`;
}

part.png.addEventListener("click", () => {
  const finished = reel.done && at === reel.last; // that one carries its settings inside
  download([finished ? bytesOf(reel.result.png) : frame()[view === "x0" ? "x0" : "x"].png], "image/png", fileName("png"));
});

part.gif.addEventListener("click", async () => {
  const label = part.gif.querySelector("span");
  label.textContent = words().gif_busy;
  part.gif.disabled = true;
  const { frames } = reel;
  const name = fileName("gif");
  const kinds = view === "both" ? ["x", "x0"] : [view];
  await Promise.all(frames.flatMap((one) => kinds.map((kind) => one[kind].ready)));
  const pictures = frames.map((one) => kinds.map((kind) => one[kind].bitmap));
  const { width, height } = pictures[0][0];
  const scale = Math.max(1, Math.round(240 / Math.max(width, height)));
  const gap = 8;
  const canvas = document.createElement("canvas");
  canvas.width = kinds.length * width * scale + (kinds.length - 1) * gap;
  canvas.height = height * scale;
  const pen = canvas.getContext("2d", { willReadFrequently: true });
  pen.imageSmoothingEnabled = false;
  const writer = new GifWriter(canvas.width, canvas.height, !hasColour(pictures[pictures.length - 1][0]));
  for (const [i, pair] of pictures.entries()) {
    pen.fillRect(0, 0, canvas.width, canvas.height);
    pair.forEach((one, k) => pen.drawImage(one, k * (width * scale + gap), 0, width * scale, height * scale));
    const pixels = pen.getImageData(0, 0, canvas.width, canvas.height).data;
    writer.add(pixels, i === pictures.length - 1 ? 150 : Math.max(4, Math.round(200 / pictures.length)));
    await new Promise((resume) => setTimeout(resume)); // let the page breathe between frames
  }
  download(writer.finish(), "image/gif", name);
  part.gif.disabled = false;
  label.textContent = words().gif;
});

// ---- the page around -------------------------------------------------------------------------------------------------

document.addEventListener("lab-language", draw);
document.addEventListener("lab-theme", () => setTimeout(draw));
new ResizeObserver(draw).observe(root);
draw();
receive(props.value);
