// What the player is told: messages of a run from the server, and what the buttons of the page do to it.

const SILENT = 5000; // ms without a message after which a run's server is looked for
const MOST_MISSED = 3; // answers: then the server is taken to be gone
let begun = ""; // the name of the run that Generate has begun last
let inquiry = 0; // the number of the run that is attended
let heard = 0; // when the last message came

function receive(text) {
  if (!text) return;
  heard = performance.now();
  const message = JSON.parse(text);
  const shown = reel && reel.run === message.run;
  if (shown && reel.stopped) return;
  if (message.error) {
    if (!shown && message.run !== awaited && message.run !== "example") return;
    setMode("rest");
    return fail(message.error);
  }
  if (shown) {
    reel.take(message);
  } else {
    if (message.example ? reel : message.run !== awaited) return; // a person was faster; or the run was stopped
    awaited = null;
    const followed = message.live && reel && reel.live && reel.total === message.total ? at : null;
    if (reel) reel.close();
    reel = new Reel(message);
    at = 0;
    if (only !== null && only >= reel.shape.count) only = null;
    if (message.example) {
      if (calm) at = reel.last;
      else setMode("play");
    } else if (message.live) {
      at = followed === null ? reel.last : followed; // who looks at an earlier step goes on looking at that one
      failure = "";
      setMode("rest");
    } else {
      phase = "running";
      setMode("live");
    }
    draw();
  }
  if (reel.done && !reel.example) phase = reel.live ? "live" : "finished";
  if (phase === "finished" && mode === "live") follow(performance.now()); // the last picture does not wait for its turn
  drawStatus();
}

// What the buttons of the page tell the player (ui/buttons.py).
window.digitPlayer = {
  // Returns the name of the run.
  begin() {
    if (busy()) return begun; // a double click
    begun = awaited = Math.random().toString(36).slice(2);
    phase = "waiting";
    failure = "";
    queued = "";
    delete root.dataset.long;
    if (reel) reel.stopped = true; // whatever still comes of an earlier run is late
    newest.forget();
    drawWords();
    attend(400);
    if (window.innerWidth < 761) root.scrollIntoView({ behavior: calm ? "auto" : "smooth", block: "start" });
    return begun;
  },
  stop() {
    if (!busy()) return;
    server.stop_run(begun).catch(() => {}); // a server that cannot be reached: attend() says so
    if (phase === "running") reel.stopped = true;
    phase = phase === "running" ? "stopped" : "idle";
    awaited = null;
    draw();
  },
  // A run has ended; the one that is under way only if it broke off. Returns whether none is under way now.
  end(broken) {
    if (broken && busy()) fail(words().failed);
    return !busy();
  },
};

// While a run is under way: how many are ahead as long as it waits for its turn, and whether the server is still there.
// That tells how many wait in all: when a run joins them it is the last one, and from then on it can only move forward.
async function attend(after) {
  const turn = ++inquiry;
  let missed = 0; // answers, in a row
  for (let ahead = Infinity; ; after = 1000) {
    await new Promise((resume) => setTimeout(resume, after));
    if (!busy() || turn !== inquiry) return;
    if (phase === "running" && performance.now() - heard < SILENT) continue;
    if (phase === "waiting") root.dataset.long = ""; // so long that the picture of before is dimmed
    const answer = await fetch(new URL("gradio_api/queue/status", document.baseURI)).catch(() => null);
    if (!busy() || turn !== inquiry) return;
    missed = answer ? 0 : missed + 1;
    if (missed === MOST_MISSED) {
      document.querySelector("#stop").click(); // which frees Generate, too
      return fail(words().failed);
    }
    if (phase !== "waiting" || !answer || !answer.ok) continue;
    ahead = Math.min(ahead, (await answer.json()).queue_size - 1);
    queued = ahead > 0 ? String(ahead) : "";
    drawStatus();
  }
}

function fail(sentence) {
  awaited = null;
  phase = "failed";
  failure = sentence;
  draw();
}

watch("value", () => receive(props.value));
