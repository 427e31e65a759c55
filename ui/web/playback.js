// The player's time: which frame is on show, and when the next one comes.

let clock = 0; // time of the last frame change, ms

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
  while (place > at && !decoded(reel.frames[place])) place--;
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
