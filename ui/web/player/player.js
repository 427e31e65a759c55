// A player: shows the frames of a run, which it gets as messages (ui/player.py), and lets a person scrub, play and save
// them. As many as wanted may be on a page; those that share a playback scrub and play together.
//
//   const player = createPlayer(element, { words });
//   player.state.begin("a name"); player.state.receive(message); ...

import { connectControls } from "./controls.js";
import { PlayerState } from "./state.js";
import { PlayerView } from "./view.js";

// root: an empty element; words: see words.js; playback: of its own, unless it is given; makeRun: see state.js; onFork: is
// called when somebody wants to go on from the step on show with other settings; without it there is no button for that;
// captionActs: see caption.js. Whoever takes the element away calls remove().
export function createPlayer(root, { words, playback, makeRun, onFork, captionActs, calm = prefersCalm() }) {
  const state = new PlayerState({ playback, calm, makeRun });
  const removal = new AbortController();
  const view = new PlayerView(root, state, words, captionActs, removal.signal);
  connectControls(view, state);
  if (onFork) {
    view.part.fork.hidden = false;
    view.part.fork.addEventListener("click", () => onFork());
  }
  const remove = () => {
    removal.abort();
    state.close();
  };
  return { state, view, remove };
}

function prefersCalm() {
  return window.matchMedia("(prefers-reduced-motion: reduce)").matches;
}
