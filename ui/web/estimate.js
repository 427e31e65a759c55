// About how long a run with the present settings takes, before it begins, and what would be quicker: a note below the
// settings. The server knows (ui/estimate.py), and is asked past Gradio's events, whenever a value has changed.

import { setText } from "./dom.js";
import { duration, roughly, SLOW } from "./duration.js";
import { LatestOnly } from "./latest_only.js";

const PATIENCE = 10000; // ms: an answer that takes longer does not hold up the next
const ASIDE = /^(seed|seed_mode|hub|notice|live)$|_note$/; // on which the time does not depend

// state: the player's; use(values) puts values into the controls.
export function mountEstimate({ element, server }, { words, choices, state, use }) {
  const root = element.firstElementChild;
  root.innerHTML = '<span role="status"></span>';
  const sentence = root.firstElementChild;
  let answer = {};

  const render = () => {
    const { seconds = 0, better = [] } = answer;
    root.hidden = seconds <= SLOW;
    setText(sentence, root.hidden ? "" : words.text("estimate.about", { time: duration(roughly(seconds), words) }));
    root.replaceChildren(sentence, ...(root.hidden ? [] : better.map(button)));
  };
  const button = ({ ref, name, steps, values }) => {
    const node = document.createElement("button");
    node.type = "button";
    node.className = "dp-small";
    node.dataset.setting = ref ? "model" : "sampler"; // a link may hide it (share/hidden.js)
    node.title = words.text("estimate.use");
    node.textContent = words.text(steps === 1 ? "estimate.needs_one" : "estimate.needs", { name: ref ? words.modelTitle(ref, name) : name, n: steps });
    node.addEventListener("click", () => use(values));
    return node;
  };
  const show = (found) => {
    answer = found;
    render();
  };
  const requests = new LatestOnly(
    (_, values) => server.estimate(values).then((found) => found ?? {}, () => ({})), // without it there is no note
    show,
    { patience: PATIENCE, pause: PATIENCE },
  );
  let asked = "";
  const ask = () => {
    const values = Object.fromEntries(Object.entries(choices.values).filter(([name]) => !ASIDE.test(name)));
    const key = JSON.stringify([values, choices.values.live]);
    if (key === asked) return;
    asked = key;
    if (choices.values.live) { // every sheet comes at once
      requests.forget();
      show({});
    } else {
      requests.want(values);
    }
  };
  let phase = "";
  choices.addEventListener("change", ask);
  state.addEventListener("change", () => {
    const finished = state.phase === "finished" && state.phase !== phase;
    phase = state.phase;
    if (!finished) return;
    asked = ""; // something was measured
    ask();
  });
  words.addEventListener("change", render);
  render();
  ask();
}
