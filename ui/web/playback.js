// The player's time: which frame is on show, and when the next one comes.

// Milliseconds that a frame stands while the computation is followed. Where the cores that compute draw the page, too, and
// are few, a picture drawn is a picture later: there most are left out, to be played and scrubbed afterwards.
const HERE = ["localhost", "127.0.0.1", "[::1]"].includes(location.hostname);
const GLIMPSE = HERE && navigator.hardwareConcurrency <= 4 ? 200 : 33;
let clock = 0; // time of the last frame change, ms
let alarm = null; // the timer of the next look

// Picture and numbers change together, as soon as the picture is decoded; unless another frame is wanted by then.
function show(place) {
  at = Math.max(0, Math.min(reel.last, place));
  const wanted = frame();
  ready(wanted).then(() => {
    if (wanted !== frame()) return;
    drawPicture();
    drawNumbers();
  });
}

function setMode(next) {
  const idle = mode === "rest";
  mode = next;
  drawStatus();
  applyTexts(root);
  if (idle && next !== "rest") {
    clock = performance.now();
    wake(0);
  }
}

// Milliseconds that a frame stands: a run of 20 steps takes about 2 s, one of 120 frames about 5 s.
function pause() {
  return Math.max(42, 100 - reel.frames.length) / Number(part.speed.value);
}

// Look again with the first picture of the screen after so many milliseconds, and not before: each look costs one.
function wake(after) {
  clearTimeout(alarm);
  alarm = setTimeout(() => requestAnimationFrame(tick), Math.max(0, after - 8));
}

function tick(now) {
  if (mode === "rest" || !reel) return;
  if (mode === "live") follow(now);
  else if (at === reel.last) rewind(now);
  else play(now);
}

// After the computation, one frame after another as they come, in larger strides the further it is ahead, and straight to
// the end once that is there.
function follow(now) {
  const behind = reel.last - at;
  if (behind === 0 && phase !== "running" && phase !== "waiting") {
    setMode("rest");
    return drawWords();
  }
  const over = phase !== "running";
  if (behind > 0 && (over || now - clock >= GLIMPSE - 8)) {
    clock = now;
    show(over ? reel.last : at + Math.ceil(behind / 2));
    drawStatus();
  }
  wake(GLIMPSE);
}

// Once more from the start, where that is wanted, after a look at the end.
function rewind(now) {
  if (part.loop.getAttribute("aria-pressed") !== "true") return setMode("rest");
  if (now - clock > 1200) {
    clock = now;
    show(0);
  }
  wake(pause());
}

function play(now) {
  const frames = Math.min(4, Math.floor((now - clock) / pause()));
  if (frames > 0) {
    clock = now;
    show(at + frames);
  }
  for (const frame of reel.frames.slice(at, at + 9)) ready(frame); // and those that come next
  wake(pause() - (now - clock));
}

function goTo(place) {
  setMode("rest");
  show(place);
}
