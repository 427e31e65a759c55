// What the player is told: messages of a run from the server, and what the buttons of the page do to it.

const SILENT = 5000; // ms without a message after which a run's server is looked for
const MOST_MISSED = 3; // answers: then the server is taken to be gone
const LATE = 5000; // within so many ms after Stop, the end that is reported may be the stopped run's
let stoppedAt = -LATE;
let inquiry = 0; // the number of the run that is attended
let heard = 0; // when the last message came

function receive(text) {
  if (!text) return;
  heard = performance.now();
  const message = JSON.parse(text);
  if (message.error) {
    if (!expecting && message.run !== "example" && !(reel && reel.run === message.run)) return;
    setMode("rest");
    return fail(message.error);
  }
  if (reel && reel.run === message.run) {
    if (reel.stopped) return;
    reel.take(message);
  } else {
    if (message.example ? reel : !expecting) return; // a person was faster than the example; a run was stopped
    expecting = false;
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

// What the buttons of the page tell the player (ui/generate_tab.py).
window.digitPlayer = {
  begin() {
    if (phase === "waiting" || phase === "running") return; // a double click
    phase = "waiting";
    expecting = true;
    failure = "";
    queued = "";
    delete root.dataset.long;
    if (reel) reel.stopped = true; // whatever still comes of an earlier run is late
    newest.forget();
    drawWords();
    attend(400);
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
    fail(words().failed);
    return true;
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
  expecting = false;
  phase = "failed";
  failure = sentence;
  draw();
}

watch("value", () => receive(props.value));
